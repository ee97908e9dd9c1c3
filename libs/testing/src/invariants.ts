import { setTimeout as sleep } from 'node:timers/promises';

export interface InvariantsReport {
  asOf: string;
  ok: boolean;
  settled: boolean;
  checks: { name: string; ok: boolean; expected: string; measured: string }[];
  lag: { consumer: string; events: number }[];
}

/**
 * Checks whether the network's books balance, after every committed event has reached every consumer; throws when that takes longer than
 * `ms`.
 */
export async function invariants(gateway: string, operatorToken: string, ms = 60_000): Promise<InvariantsReport> {
  const headers = { authorization: `Bearer ${operatorToken}` };
  let last = 'no answer';
  // reading the lag is cheap, the checks read all books
  let path = 'lag';
  for (let waited = 0; waited <= ms;) {
    const response = await fetch(`${gateway}/v1/operator/${path}`, { headers });
    last = await response.text();
    const report = response.ok ? (JSON.parse(last) as InvariantsReport) : null;
    if (report?.settled === true && path === 'invariants') return report;
    path = report?.settled === true ? 'invariants' : 'lag';
    if (path === 'invariants') continue;
    await sleep(100);
    waited += 100;
  }
  throw new Error(`the network did not settle within ${ms} ms: ${last}`);
}

/** Like `invariants`, and throws an error naming every check that fails. Every suite that moves points calls it at its end. */
export async function expectInvariants(gateway: string, operatorToken: string, ms = 60_000): Promise<InvariantsReport> {
  const report = await invariants(gateway, operatorToken, ms);
  const broken = report.checks.filter((check) => !check.ok);
  if (broken.length > 0 || !report.ok || report.checks.length === 0) {
    throw new Error(
      `invariants do not hold: ${report.checks.length === 0 ? 'no checks at all' : broken.map((check) => `${check.name}: expected ${check.expected}, measured ${check.measured}`).join('; ')}`,
    );
  }
  return report;
}
