import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchOnce } from './fetch-once.js';
import { runTool } from './run-tool.js';

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

/** Directory with Kafka's jars, fetched once through Maven into the user's cache. Throws an error naming what is missing. */
export async function kafkaJars(cacheDir?: string): Promise<string> {
  const fetched = await fetchOnce(
    `kafka-${KAFKA_VERSION}`,
    `lib/kafka_2.13-${KAFKA_VERSION}.jar`,
    async (draft) => {
      writeFileSync(join(draft, 'pom.xml'), POM);
      const args = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'];
      await runTool(`Kafka ${KAFKA_VERSION} is fetched through Maven`, 'mvn', args, draft);
    },
    cacheDir,
  );
  return join(fetched, 'lib');
}
