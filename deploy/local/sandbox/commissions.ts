import type { StatementLine } from '#libs/sdk';
import { clientOf } from '../network/client.js';
import type { Credentials, SandboxFile } from '../network/sandbox-file.js';

/** One party's amounts from the commissions of a cycle, minor units. */
export interface CommissionRow {
  party: string;
  contributor: number;
  /** As distributor: a brand, or all members together; the operator's own share. */
  referral: number;
  /** Negative: paid as seller. */
  paid: number;
}

/** Commission lines have no points, because a commission's amount is fixed; lines of the operator's fee on points have. */
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
 * Sums the commissions of all statements of a cycle. A seller's statement lists each of its commissions, but for another brand's earnings
 * only shows that the alliance is paid; a brand's earnings are totals in its own statement.
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
