import { Turns } from './turns.js';

/**
 * A service in simulated time: each call takes `serial` ms one after another, like work on one event loop, then `wait` ms in
 * parallel.
 */
class Simulation {
  now = 0;
  private busyUntil = 0;
  private readonly events: { at: number; run: () => void }[] = [];
  private readonly turns = new Turns(256, () => this.now);
  readonly times = new Map<string, number[]>();

  call(caller: string, work: { serial: number; wait?: number }, then: () => void = () => undefined): void {
    const askedAt = this.now;
    let startedAt = 0;
    this.turns.take(caller, () => {
      startedAt = this.now;
      this.busyUntil = Math.max(this.busyUntil, this.now) + work.serial;
      this.at(this.busyUntil + (work.wait ?? 0), () => {
        this.times.set(caller, [...(this.times.get(caller) ?? []), this.now - askedAt]);
        this.turns.done(caller, startedAt);
        then();
      });
      return true;
    });
  }

  /** A caller with a number of connections, each of which sends one call after another. */
  connections(caller: string, count: number, work: { serial: number; wait?: number }): void {
    const again = (): void => this.call(caller, work, again);
    for (let i = 0; i < count; i += 1) again();
  }

  /** A caller that sends a call every given number of ms. */
  every(ms: number, caller: string, work: { serial: number; wait?: number }): void {
    const again = (): void => {
      this.call(caller, work);
      this.at(this.now + ms, again);
    };
    again();
  }

  at(at: number, run: () => void): void {
    this.events.push({ at, run });
  }

  until(end: number): void {
    for (;;) {
      let first = 0;
      this.events.forEach(({ at }, i) => {
        if (at < (this.events[first]?.at ?? Infinity)) first = i;
      });
      const [event] = this.events.splice(first, 1);
      if (event === undefined || event.at > end) return;
      this.now = event.at;
      event.run();
    }
  }

  p99(caller: string, after = 0): number {
    const times = [...(this.times.get(caller) ?? [])].slice(after).sort((a, b) => a - b);
    return times[Math.floor(times.length * 0.99)] ?? Infinity;
  }
}

it.each([
  [20, 250],
  [200, 250],
  [200, 40],
  [1_000, 5],
])('%i connections with calls of %i ms each make no other caller wait a second', (connections, serial) => {
  const simulation = new Simulation();
  simulation.connections('heavy', connections, { serial });
  simulation.every(200, 'other', { serial: 5 });
  simulation.until(60_000);
  expect(simulation.times.get('other')?.length).toBeGreaterThan(250);
  expect(simulation.p99('other', 20)).toBeLessThan(1_000);
});

it('gives a new caller room in a service that another filled while alone', () => {
  const simulation = new Simulation();
  simulation.connections('heavy', 200, { serial: 100 });
  simulation.at(30_000, () => simulation.every(200, 'other', { serial: 5 }));
  simulation.until(60_000);
  expect(simulation.p99('other')).toBeLessThan(1_500);
  expect(simulation.p99('other', 10)).toBeLessThan(1_000);
});

it('gives a caller who is alone the whole capacity of a slow service', () => {
  const simulation = new Simulation();
  simulation.connections('alone', 64, { serial: 0, wait: 600 });
  simulation.until(30_000);
  expect(simulation.times.get('alone')?.length).toBeGreaterThan(64 * 45);
});

it('grows to a caller’s demand while calls are quick', () => {
  const simulation = new Simulation();
  simulation.connections('alone', 64, { serial: 0, wait: 50 });
  simulation.until(10_000);
  expect(simulation.times.get('alone')?.length).toBeGreaterThan(64 * 190);
});

it('does not cut callers with equal demand when calls are slow', () => {
  const simulation = new Simulation();
  for (const caller of ['one', 'two', 'three']) simulation.connections(caller, 8, { serial: 0, wait: 700 });
  simulation.until(90_000);
  for (const caller of ['one', 'two', 'three']) expect(simulation.times.get(caller)?.length).toBeGreaterThan(8 * 120);
});

it.each([
  [0.3, 100],
  [0.3, 6_000],
  [1, 1_000],
])('does not admit many heavy calls together because of quick ones of %f ms before, %i ms apart', (quick, apart) => {
  const simulation = new Simulation();
  simulation.every(200, 'other', { serial: 5 });
  for (let at = 5_000; at < 115_000; at += 10_000 + apart) {
    simulation.at(at, () => {
      for (let i = 0; i < 700; i += 1) simulation.call('bursts', { serial: quick });
    });
    simulation.at(at + 700 * quick + apart, () => {
      for (let i = 0; i < 200; i += 1) simulation.call('bursts', { serial: 22 });
    });
  }
  simulation.until(120_000);
  expect(simulation.p99('other')).toBeLessThan(1_000);
});

it('admits as many quick calls of one caller as a service can handle', () => {
  const simulation = new Simulation();
  simulation.connections('busy', 200, { serial: 0.3, wait: 6 });
  simulation.every(200, 'other', { serial: 5 });
  simulation.until(2_000);
  expect(simulation.times.get('busy')?.length).toBeGreaterThan(5_500);
});
