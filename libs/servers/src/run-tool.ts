import { spawn } from 'node:child_process';

/**
 * Runs a tool of the machine to its end. When it is missing, throws an error with `purpose`; when it fails, one with the end of its output.
 */
export function runTool(purpose: string, tool: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-2_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'ENOENT' ? `there is no "${tool}" on the PATH` : `"${tool}" does not run: ${error.message}`;
      reject(new Error(`${purpose}, and ${why}`));
    });
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${purpose}, and that failed: ${output.trim()}`));
    });
  });
}
