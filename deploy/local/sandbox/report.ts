import type { CycleResult, InvariantsReport } from '#libs/sdk';
import type { SandboxFile } from '../network/sandbox-file.js';
import type { CommissionRow } from './commissions.js';

const number = (value: number): string => value.toLocaleString('en-US');
/** Formats minor units as money: -7350 is -73.50. */
const money = (minor: number): string =>
  `${minor < 0 ? '-' : ''}${number(Math.trunc(Math.abs(minor) / 100))}.${String(Math.abs(minor) % 100).padStart(2, '0')}`;

/** Issuer × redeemer: points, and below them the amount in minor units. */
export function matrixTable(cycle: CycleResult): string {
  const brands = [...new Set(cycle.matrix.flatMap((cell) => [cell.issuer, cell.redeemer]))].sort();
  const width = 14;
  const lines = [`  ${''.padEnd(12)}${brands.map((brand) => brand.padStart(width)).join('')}`];
  for (const issuer of brands) {
    const cells = brands.map((redeemer) =>
      cycle.matrix.find((cell) => cell.issuer === issuer && cell.redeemer === redeemer),
    );
    lines.push(
      `  ${issuer.padEnd(12)}${cells.map((cell) => (cell === undefined ? '·' : `${number(Number(cell.points))} pt`).padStart(width)).join('')}`,
    );
    lines.push(`  ${''.padEnd(12)}${cells.map((cell) => (cell?.amount ?? '').padStart(width)).join('')}`);
  }
  return lines.join('\n');
}

export function positionsTable(cycle: CycleResult): string {
  const lines = cycle.positions.map(
    (position) => `  ${position.party.padEnd(20)}${money(Number(position.net)).padStart(14)}`,
  );
  const sum = cycle.positions.reduce((total, position) => total + Number(position.net), 0);
  return [
    ...lines,
    `  ${''.padEnd(20, '─')}${''.padEnd(14, '─')}`,
    `  ${'sum'.padEnd(20)}${money(sum).padStart(14)}`,
  ].join('\n');
}

/** One row per party; all columns of earnings and the column of payments together sum to zero. */
export function commissionsTable(rows: readonly CommissionRow[]): string {
  const columns = ['contributor', 'referral', 'paid'] as const;
  const cells = (name: string, values: readonly number[]): string =>
    `  ${name.padEnd(12)}${values.map((value) => (value === 0 ? '·' : money(value)).padStart(14)).join('')}`;
  const sums = columns.map((column) => rows.reduce((sum, row) => sum + row[column], 0));
  const net = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  const line = (name: string, values: readonly number[]): string =>
    `${cells(name, values)}${money(net(values)).padStart(14)}`;
  return [
    `  ${''.padEnd(12)}${['contributor', 'distributor*', 'paid', 'net'].map((head) => head.padStart(14)).join('')}`,
    ...rows.map((row) =>
      line(
        row.party,
        columns.map((column) => row[column]),
      ),
    ),
    `  ${''.padEnd(68, '─')}`,
    line('sum', sums),
    '  * brands and members who recommended, the members together; the operator: its own share',
  ].join('\n');
}

export function invariantsTable(report: InvariantsReport): string {
  const broken = report.checks.filter((check) => !check.ok);
  const head = `\n  invariants: ${report.checks.length - broken.length} of ${report.checks.length} hold${report.settled ? '' : ' (the network has not settled yet)'}`;
  return [
    head,
    ...broken.map((check) => `    ${check.name}: expected ${check.expected}, measured ${check.measured}`),
  ].join('\n');
}

/** Three lines, each of which works when pasted alone: the token, a wallet, the proof that the books balance. */
export function curlLines(
  sandbox: SandboxFile,
  member: { brand: SandboxFile['brands'][number]; memberRef: string } | null,
): string[] {
  const login = (as: { clientId: string; clientSecret: string }): string =>
    `curl -s -u '${as.clientId}:${as.clientSecret}' -d grant_type=client_credentials ${sandbox.tokenUrl}`;
  const bearer = (as: { clientId: string; clientSecret: string }): string =>
    `-H "Authorization: Bearer $(${login(as)} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')"`;
  const wallet =
    member === null
      ? `curl -s ${bearer(sandbox.operator)} ${sandbox.gateway}/v1/operator/brands`
      : `curl -s ${bearer(member.brand)} ${sandbox.gateway}/v1/members/${member.memberRef}/wallet`;
  return [
    login(member?.brand ?? sandbox.operator),
    wallet,
    `curl -s ${bearer(sandbox.operator)} ${sandbox.gateway}/v1/operator/invariants`,
  ];
}
