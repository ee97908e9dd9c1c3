import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, openDoor, portOf } from '../src/index.js';
import { onFreePort } from '../src/port.js';

const PROCESSES = 6;
const PORTS = 70;

/** Returns the error of a connection; a reserved port resets early connections. */
const knock = (port: number): Promise<string> =>
  new Promise((told) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', (error: NodeJS.ErrnoException) => told(error.code ?? ''));
    socket.once('close', () => told('closed'));
  });

describe('a free port', () => {
  it('is given to one process only, while that process lives', async () => {
    const children: ChildProcess[] = [];
    try {
      const program = `
        const { freePort } = await import(${JSON.stringify(join(import.meta.dirname, '../src/port.js'))});
        const ports = [];
        for (let i = 0; i < ${PORTS}; i += 1) ports.push(await freePort());
        process.stdout.write(JSON.stringify(ports) + '\\n');
        process.stdin.resume();`;
      const given = await Promise.all(
        Array.from({ length: PROCESSES }, () => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
          children.push(child);
          return new Promise<number[]>((told, failed) => {
            let heard = '';
            child.stdout.on('data', (chunk) => {
              heard += String(chunk);
              if (heard.endsWith('\n')) told(JSON.parse(heard) as number[]);
            });
            child.stderr.on('data', (chunk) => failed(new Error(String(chunk))));
          });
        }),
      );
      expect(new Set(given.flat()).size).toBe(PROCESSES * PORTS);
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  });

  it('has no listener, and can be listened on', async () => {
    const doors = await Promise.all(Array.from({ length: 60 }, async () => openDoor(await freePort())));
    const ports = doors.map(portOf);
    expect(new Set(ports).size).toBe(60);
    const next = await freePort();
    expect(ports).not.toContain(next);
    for (const door of doors) door.close();
  });
});

describe('a door', () => {
  it('keeps its port from everyone else, and refuses early connections', async () => {
    const door = await openDoor();
    const port = portOf(door);
    await expect(openDoor(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(await knock(port)).toBe('ECONNRESET');
    door.close();
    expect(await knock(port)).toBe('ECONNREFUSED');
  });
});

describe('a server on a free port', () => {
  it('is started on another port if a stranger was faster, but not if the port was requested', async () => {
    const tried: number[] = [];
    const start = (port: number): Promise<string> => {
      tried.push(port);
      if (tried.length < 3) return Promise.reject(new Error('could not bind: Address already in use'));
      return Promise.resolve('up');
    };
    expect(await onFreePort(undefined, start)).toBe('up');
    expect(new Set(tried).size).toBe(3);
    tried.length = 0;
    await expect(onFreePort(4_711, start)).rejects.toThrow('Address already in use');
    expect(tried).toEqual([4_711]);
  });

  it('fails immediately for another reason, and finally when every port is taken', async () => {
    await expect(onFreePort(undefined, () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk');
    let tries = 0;
    const taken = (): Promise<never> => {
      tries += 1;
      return Promise.reject(new Error('Address already in use'));
    };
    await expect(onFreePort(undefined, taken)).rejects.toThrow('Address already in use');
    expect(tries).toBe(5);
  });
});
