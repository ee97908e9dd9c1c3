import type { StatementLine } from '#libs/sdk';
import { clientOf } from '../network/client.js';
import type { Credentials, SandboxFile } from '../network/sandbox-file.js';

/** What one party has from the commissions of a cycle, minor units. */
export interface CommissionRow {
  party: string;
  contributor: number;
  /** As distributor: a brand, or the members together; the operator's own share. */
  referral: number;
  /** Negative: paid as seller. */
  paid: number;
}

/** A commission's amount is fixed, so that its lines have no points; the operator's fee on points has. */
function shareOf({ type, points }: StatementLine): 'contributor' | 'referral' | null {
  const kind = type.replace(/_reversal$/, '');
  if (kind === 'contributor' || kind === 'referral') return kind;
  return kind === 'fee' && points === 0 ? 'referral' : null;
}

function minor(amount: string): number {
  const value = Number(amount);
  if (!Number.isSafeInteger(value)) throw new Error(`a commission line of ${amount} is no whole number`);
  return value;
}

/**
 * Sums the commissions of all statements of a cycle. A seller reads each of its commissions, but of another brand only that the alliance
 * is paid; what a brand earned stands as totals in its own statement.
 */
export async function commissionsOf(sandbox: SandboxFile, cycle: string): Promise<CommissionRow[]> {
  const rows = new Map<string, CommissionRow>();
  const row = (party: string): CommissionRow => {
    const known = rows.get(party) ?? { party, contributor: 0, referral: 0, paid: 0 };
    rows.set(party, known);
    return known;
  };
  for (const { slug } of sandbox.brands) row(slug);
  const statements = await Promise.all(sandbox.brands.map((brand) => linesOf(sandbox, brand, cycle)));
  statements.forEach((lines, i) => {
    const brand = sandbox.brands[i]?.slug;
    for (const line of lines) {
      const share = shareOf(line);
      if (share === null) continue;
      if (line.payer === brand) row(line.payer).paid -= minor(line.amount);
      if (line.payee !== 'alliance') row(line.payee)[share] += minor(line.amount);
    }
  });
  return [...rows.values()];
}

/** All lines of a brand's statement, in one call: its file. */
async function linesOf(sandbox: SandboxFile, brand: Credentials, cycle: string): Promise<StatementLine[]> {
  const { statements } = clientOf(sandbox, brand);
  const { lines } = await statements.file({ path: { cycle }, query: { format: 'json' }, parseAs: 'json' });
  return lines as unknown as StatementLine[];
}
