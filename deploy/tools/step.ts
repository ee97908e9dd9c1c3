import { ConfigError } from '#libs/config';

/** Runs one step of a deployment as this process: exits with 0 when done, with 1 and a message for the operator otherwise. */
export function step(work: () => Promise<string[]>): void {
  work().then(
    (lines) => process.stdout.write(`${lines.join('\n')}\n`),
    (error: unknown) => {
      const words =
        error instanceof ConfigError || !(error instanceof Error)
          ? String(error instanceof Error ? error.message : error)
          : (error.stack ?? error.message);
      process.stderr.write(`${words}\n`);
      process.exitCode = 1;
    },
  );
}
