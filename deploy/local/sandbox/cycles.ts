import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '../replay/api.js';
import type { Credentials } from '../network/sandbox-file.js';

export interface Invariants {
  ok: boolean;
  settled: boolean;
  asOf: string;
  checks: { name: string; ok: boolean; expected: string; measured: string }[];
  lag: { consumer: string; events: number }[];
}

/** Waits until every consumer has handled all that is committed. */
export async function atRest(api: Api, operator: Credentials, ms = 60_000): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(100)) {
    const { settled } = await api.need<{ settled: boolean }>(operator, 'GET', '/v1/operator/lag');
    if (settled) return;
  }
}

/** The checks of all books once every consumer has handled all that is committed. */
export async function settled(api: Api, operator: Credentials, ms = 60_000): Promise<Invariants> {
  for (const end = performance.now() + ms; ; ) {
    await atRest(api, operator, end - performance.now());
    const report = await api.need<Invariants>(operator, 'GET', '/v1/operator/invariants');
    if (report.settled || performance.now() > end) return report;
  }
}

const STEPS = ['cut-off', 'freeze', 'confirm', 'close'] as const;
/** States in order; the step with the same index leads out of them. */
const STATES = ['open', 'cut_off', 'frozen', 'confirmed', 'closed'];

export interface Cycle {
  id: string;
  status: string;
  currency: string;
  positions: { party: string; net: number }[];
  matrix: { issuer: string; redeemer: string; points: number; amount: string }[];
  gross: number;
  netted: number;
  sum: number;
}

/** Takes a cycle from wherever it is to closed; false when there is none, as nobody redeemed anything in it. */
export async function closeCycle(api: Api, operator: Credentials, id: string): Promise<boolean> {
  const path = `/v1/operator/cycles/${id}`;
  await atRest(api, operator);
  const found = await api.call(operator, 'GET', path);
  if (found.status === 404) return false;
  const { status } = found.body as Cycle;
  const done = STATES.indexOf(status.replaceAll('-', '_'));
  if (done < 0) throw new Error(`cycle ${id} is "${status}", which is no state known here`);
  for (const step of STEPS.slice(done)) await api.need(operator, 'POST', `${path}/${step}`, {});
  return true;
}

export function readCycle(api: Api, operator: Credentials, id: string): Promise<Cycle> {
  return api.need<Cycle>(operator, 'GET', `/v1/operator/cycles/${id}`);
}
