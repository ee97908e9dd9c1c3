import { readFileSync, readdirSync } from 'node:fs';
import pg from 'pg';

/** CPU time used so far, ms: by the database server, and by the bench with the services it started. */
export interface CpuTimes {
  readonly server: number;
  readonly services: number;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** CPU time of the process and of its exited children, ms. */
  readonly used: number;
}

/** The kernel counts in hundredths of a second (`USER_HZ`, proc_pid_stat(5)). */
const TICK_MS = 10;

/** Measures CPU time; null where that is impossible: on a system other than Linux, or when the server runs on another machine. */
export async function cpuMeter(adminUrl: string): Promise<(() => CpuTimes) | null> {
  const server = await postmaster(adminUrl);
  if (server === null) return null;
  return () => {
    const all = processes();
    const ofServer = tree(all, server);
    return { server: sum(ofServer), services: sum(tree(all, process.pid).filter((each) => !ofServer.includes(each))) };
  };
}

async function postmaster(adminUrl: string): Promise<number | null> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid;
    const backend = process.platform === 'linux' ? processes().find((each) => each.pid === pid) : undefined;
    return backend === undefined ? null : backend.parent;
  } finally {
    await client.end();
  }
}

function processes(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // the program's name may contain any character but ends at the last bracket
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
      return [{ pid: Number(name), parent: Number(fields[1]), used: ticks * TICK_MS }];
    } catch {
      return []; // exited meanwhile
    }
  });
}

function tree(all: readonly Process[], root: number): Process[] {
  const children = all.filter(({ pid, parent }) => parent === root && pid !== root);
  return [...all.filter(({ pid }) => pid === root), ...children.flatMap(({ pid }) => tree(all, pid))];
}

function sum(all: readonly Process[]): number {
  return all.reduce((total, { used }) => total + used, 0);
}
