import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const KAFKA_VERSION = '4.1.1';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>hezong</groupId><artifactId>kafka-local</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

/** Directory with Kafka's jars, fetched once through Maven into the user's cache. Throws with what is missing when it can't. */
export async function kafkaJars(
  cacheDir = join(homedir(), '.cache', 'hezong', `kafka-${KAFKA_VERSION}`),
): Promise<string> {
  const lib = join(cacheDir, 'lib');
  if (existsSync(lib) && readdirSync(lib).some((name) => name === `kafka_2.13-${KAFKA_VERSION}.jar`)) return lib;
  mkdirSync(dirname(cacheDir), { recursive: true });
  // Fetched aside and renamed whole: an interrupted or a concurrent fetch never leaves half a directory behind.
  const draft = `${cacheDir}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  writeFileSync(join(draft, 'pom.xml'), POM);
  try {
    await maven(draft);
    if (!existsSync(lib)) {
      rmSync(cacheDir, { recursive: true, force: true });
      renameSync(draft, cacheDir);
    }
  } catch (error) {
    if (!existsSync(lib)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return lib;
}

function maven(directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'mvn',
      ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'],
      { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-2_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new Error(
          error.code === 'ENOENT'
            ? 'Kafka is fetched through Maven, and there is no "mvn" on the PATH'
            : `Maven does not run: ${error.message}`,
        ),
      );
    });
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`Maven could not fetch Kafka ${KAFKA_VERSION}: ${output.trim()}`));
    });
  });
}
