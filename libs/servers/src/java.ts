import { spawnSync } from 'node:child_process';

export interface JavaState {
  ok: boolean;
  /** Major version found; null when `java` does not run. */
  version: number | null;
  /** The fault, as a sentence; empty when there is none. */
  reason: string;
}

/** Whether `java` on the PATH is a working Java 17 or later, as Kafka 4 requires. */
export function javaAvailable(): JavaState {
  const run = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 20_000 });
  if (run.error !== undefined) {
    const missing = (run.error as NodeJS.ErrnoException).code === 'ENOENT';
    return {
      ok: false,
      version: null,
      reason: missing ? 'no "java" on the PATH' : `"java" does not run: ${run.error.message}`,
    };
  }
  const text = `${run.stderr}${run.stdout}`;
  if (run.status !== 0)
    return {
      ok: false,
      version: null,
      reason: `"java -version" ends with code ${run.status ?? 'none'}: ${text.trim().split('\n')[0] ?? ''}`,
    };
  const version = Number(/version "(?:1\.)?(\d+)/.exec(text)?.[1] ?? 0);
  if (version < 17) return { ok: false, version, reason: `Java ${version} is too old; Kafka 4 requires 17 or later` };
  return { ok: true, version, reason: '' };
}
