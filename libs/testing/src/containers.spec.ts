import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageOf, startPostgresContainer } from './containers.js';
import teardown from './global-teardown.js';

interface Made {
  Id: string;
  Image: string;
  Labels: Record<string, string>;
  running: boolean;
}

/** The container engine calls used here, answered as Docker does: a running container is removed only by force. */
class Engine {
  readonly containers: Made[] = [];
  /** Containers that cannot be removed, even by force. */
  readonly stuck = new Set<string>();
  private readonly server: Server;

  constructor(readonly socket: string) {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        const [status, answer] = this.answer(request.method ?? '', new URL(request.url ?? '', 'http://engine'), body);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
  }

  listen = (): Promise<void> => new Promise((listening) => this.server.listen(this.socket, () => listening()));
  close = (): Promise<void> =>
    new Promise((closed) => {
      this.server.close(() => closed());
      this.server.closeAllConnections();
    });

  private answer(method: string, { pathname, searchParams }: URL, body: string): [number, unknown] {
    const id = /^\/containers\/([^/]+)/.exec(pathname)?.[1];
    if (pathname === '/containers/create') return [201, this.make(body)];
    if (pathname === '/containers/json') return [200, this.list(searchParams)];
    if (pathname.endsWith('/start')) return [500, { message: 'driver failed: port is already allocated' }];
    if (method === 'DELETE' && id !== undefined) return this.remove(id, searchParams.get('force') === 'true');
    if (pathname.startsWith('/images/')) return [200, { Id: 'sha256:1' }];
    return [200, {}];
  }

  private make(body: string): { Id: string } {
    const { Image, Labels } = JSON.parse(body) as Made;
    const Id = `c${this.containers.length}`;
    this.containers.push({ Id, Image, Labels, running: false });
    return { Id };
  }

  private list(query: URLSearchParams): Made[] {
    const { label = [] } = JSON.parse(query.get('filters') ?? '{}') as { label?: string[] };
    return this.containers
      .filter(({ running }) => running || ['1', 'true'].includes(query.get('all') ?? ''))
      .filter(({ Labels }) => label.every((one) => Labels[one.split('=')[0] ?? ''] === one.split('=')[1]));
  }

  private remove(id: string, force: boolean): [number, unknown] {
    const at = this.containers.findIndex(({ Id }) => Id === id);
    if (at < 0) return [404, { message: `no such container: ${id}` }];
    if (this.stuck.has(id)) return [500, { message: 'device is busy' }];
    if (this.containers[at]?.running === true && !force) return [409, { message: 'container is running: stop it' }];
    this.containers.splice(at, 1);
    return [204, null];
  }
}

let engine: Engine;
let state: string;
let sockets: string;

beforeAll(async () => {
  sockets = mkdtempSync(join(tmpdir(), 'hezong-engine-'));
  engine = new Engine(join(sockets, 'engine.sock'));
  await engine.listen();
  process.env['DOCKER_HOST'] = `unix://${engine.socket}`;
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  // otherwise a container is started to find the host's address
  process.env['TESTCONTAINERS_HOST_OVERRIDE'] = '127.0.0.1';
});
afterAll(async () => {
  await engine.close();
  rmSync(sockets, { recursive: true });
});
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'hezong-test-'));
  engine.containers.length = 0;
  engine.stuck.clear();
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

/** The call in global-teardown. */
function sweep(): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['libs/testing/tools/sweep.mjs', state], { env: process.env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    child.once('close', (code) => done({ code, output }));
  });
}

/** A container of this run, started or not, as startPostgresContainer creates it. */
async function made(): Promise<Made> {
  await expect(startPostgresContainer(state)).rejects.toThrow('port is already allocated');
  const container = engine.containers.at(-1);
  if (container === undefined) throw new Error('no container was made');
  return container;
}

describe('containers of a test run', () => {
  it('run the images of docker-compose.yml', async () => {
    expect((await made()).Image).toBe(imageOf('postgres'));
    expect([imageOf('postgres'), imageOf('kafka')]).toEqual([
      expect.stringMatching(/^postgres:18/),
      expect.stringMatching(/^apache\/kafka:4/),
    ]);
  });

  it('are removed with the run if they did not start', async () => {
    await made();
    expect(await sweep()).toEqual({ code: 0, output: '' });
    expect(engine.containers).toEqual([]);
    expect(existsSync(state)).toBe(false);
  });

  it('are removed with the run while they run; those of another run stay', async () => {
    (await made()).running = true;
    const other = { ...(await made()), Id: 'other', Labels: { 'hezong.test-run': 'another' }, running: true };
    engine.containers.push(other);
    writeFileSync(join(state, 'postgres.json'), JSON.stringify({ says: 'PostgreSQL in a container', address: '' }));
    expect(await sweep()).toEqual({ code: 0, output: 'servers of this run: PostgreSQL in a container\n' });
    expect(engine.containers).toEqual([other]);
  });

  it('fail the run if any remains, one line each, and all others are removed', async () => {
    engine.stuck.add((await made()).Id);
    await made();
    const { code, output } = await sweep();
    expect(code).toBe(1);
    expect(output).toMatch(/^container c0 \(postgres:18\S*\) is left behind: .*device is busy\s*$/);
    expect(engine.containers.map(({ Id }) => Id)).toEqual(['c0']);
    expect(existsSync(state)).toBe(false);
  });

  it('fail the run if the engine is gone', async () => {
    await made();
    await engine.close();
    try {
      const { code, output } = await sweep();
      expect([code, output]).toEqual([1, expect.stringMatching(/^what runs in containers is left behind: [^\n]+\n$/)]);
    } finally {
      await engine.listen();
    }
  });
});

it('fail a run whose sweep fails', async () => {
  process.env['HEZONG_TEST_STATE'] = state;
  await teardown();
  expect(existsSync(state)).toBe(false);
  state = mkdtempSync(join(tmpdir(), 'hezong-test-'));
  process.env['HEZONG_TEST_STATE'] = state;
  const server = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1_000)']);
  const record = { says: 'Kafka', address: '', pid: server.pid, signal: 'SIGNONE' };
  writeFileSync(join(state, 'kafka.json'), JSON.stringify(record));
  try {
    await expect(teardown()).rejects.toThrow('left behind');
  } finally {
    server.kill('SIGKILL');
  }
});
