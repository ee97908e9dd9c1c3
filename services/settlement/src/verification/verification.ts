import { createHash } from 'node:crypto';
import { canonicalJson, fail } from '#libs/kernel';

/** The subjects of faults. */
export const FAULT_KINDS = [
  'line',
  'cycle',
  'source',
  'day',
  'group',
  'matrix',
  'statement',
  'dispute',
  'position',
  'seal',
] as const;

/** A row of some kind with a wrong value. */
export interface Difference<Kind extends string = string> {
  readonly kind: Kind;
  /** Identifies the row, in readable parts. */
  readonly id: string;
  readonly detail: string;
}

/** A row of a cycle. */
export type Fault = Difference<(typeof FAULT_KINDS)[number]>;

/** A row as text: its identity and its content. */
export interface Row {
  readonly id: string;
  readonly says: Readonly<Record<string, string>>;
}

/** Compares stored rows with those computed from the lines. */
export function differences<Kind extends string>(
  kind: Kind,
  stored: readonly Row[],
  derived: readonly Row[],
): Difference<Kind>[] {
  const expected = new Map(derived.map((row) => [row.id, row]));
  const faults: Difference<Kind>[] = [];
  for (const { id, says } of stored) {
    const should = expected.get(id);
    expected.delete(id);
    if (should === undefined) {
      faults.push({ kind, id, detail: 'follows from no line' });
      continue;
    }
    const wrong = Object.entries(should.says).filter(([field, value]) => says[field] !== value);
    if (wrong.length === 0) continue;
    const detail = wrong
      .map(([field, value]) => `${field} is ${says[field] ?? 'missing'}, should be ${value}`)
      .join('; ');
    faults.push({ kind, id, detail });
  }
  for (const id of expected.keys()) faults.push({ kind, id, detail: 'is missing' });
  return faults;
}

const MOST_NAMED = 5;

/**
 * Lets a step of a cycle continue if there are no faults.
 * @throws DomainError `cycle_unproven`, naming the first faults
 */
export function refuseFaults(faults: readonly Difference[]): void {
  if (faults.length === 0) return;
  const named = faults.slice(0, MOST_NAMED).map(({ kind, id, detail }) => `${kind} ${id} ${detail}`);
  const more = faults.length > named.length ? `; and ${faults.length - named.length} more` : '';
  fail('cycle_unproven', {
    detail: `${named.join('; ')}${more}.`,
    errors: named.map((detail) => ({ pointer: '', code: 'differs', detail })),
  });
}

/** @throws DomainError `cycle_not_settled` */
export function refuseUncompared(): never {
  return fail('cycle_not_settled', {
    detail:
      'The ledger, referrals or partners does not answer or is still sending, or an event of theirs waits for the operator.',
  });
}

/** `sha256:…` over rows in their order. */
export function rootOf(rows: readonly unknown[]): string {
  const hash = createHash('sha256');
  for (const row of rows) hash.update(`${canonicalJson(row)}\n`);
  return `sha256:${hash.digest('hex')}`;
}
