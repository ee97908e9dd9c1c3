import { cpus, totalmem } from 'node:os';
import type { BenchCase, Measured } from './cases.js';
import type { CpuTimes } from './cpu.js';

export interface Round {
  /** pgbench results just before and just after. */
  readonly base: number;
  readonly measured: Measured;
  /** CPU time per effect, µs; null where it cannot be measured. */
  readonly cpu: CpuTimes | null;
}

export interface Line {
  readonly case: BenchCase;
  readonly rounds: readonly Round[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export function ratioOf(line: Line): number {
  return median(line.rounds.map((round) => round.measured.perSecond / round.base));
}

export function p50Of(line: Line): number {
  return median(line.rounds.map((round) => round.measured.p50));
}

export function isMet(line: Line): boolean {
  const { target, atMostMs } = line.case;
  return (target === undefined || ratioOf(line) >= target) && (atMostMs === undefined || p50Of(line) <= atMostMs);
}

function cpuOf(line: Line, of: keyof CpuTimes): string {
  const times = line.rounds.flatMap(({ cpu }) => (cpu === null ? [] : [cpu[of]]));
  return times.length === 0 ? '–' : median(times).toFixed(0);
}

/** The table as Markdown, readable on a terminal too. */
export function table(lines: readonly Line[], base: number): string {
  const rows = lines.map((line) => {
    const rates = line.rounds.map((round) => round.measured.perSecond);
    const { target, stretch, atMostMs } = line.case;
    const bar =
      atMostMs === undefined
        ? `≥ ${target ?? '–'}${stretch === undefined ? '' : ` (${stretch})`}`
        : `p50 ≤ ${atMostMs} ms`;
    const p99 = median(line.rounds.map((round) => round.measured.p99));
    return [
      line.case.name,
      rates.length === 0 ? '–' : median(rates).toFixed(0),
      ratioOf(line).toFixed(2),
      bar,
      isMet(line) ? 'met' : 'MISSED',
      p50Of(line).toFixed(1),
      p99.toFixed(1),
      cpuOf(line, 'server'),
      cpuOf(line, 'services'),
    ];
  });
  const all = [
    [
      'case',
      'per second',
      'ratio',
      'bar (stretch)',
      '',
      'p50 ms',
      'p99 ms',
      'CPU µs: database',
      'services and callers',
    ],
    ['pgbench TPC-B, scale 50, 16 clients', base.toFixed(0), '1.00', '', '', '', '', '', ''],
    ...rows,
  ];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const text = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [text(all[0] ?? []), rule, ...all.slice(1).map(text)].join('\n');
}

/** docs/performance.md. */
export function document(
  lines: readonly Line[],
  base: number,
  rounds: number,
  seconds: number,
  server: string,
): string {
  return `# Performance

Written by \`npm run bench -- --write docs/performance.md\`. Every figure is the median of ${rounds} rounds of ${seconds} s. In each round \`pgbench\`
(TPC-B-like, scale 50, \`-M prepared -c 16 -j 2\`) runs before and after each case on the same server; the **ratio** is the case's rate divided by the
mean of the two. Absolute figures depend on the machine and its load; ratios are comparable between machines. The CPU time per effect hardly
depends on the load: use it to compare two versions.

Measured on: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${server}; fsync and synchronous_commit on, client and server on the same cores.

${table(lines, base)}

An accrual writes a claim, an order, a posting with its legs, and a lot, and updates the wallet; a redemption also draws on and updates its lots.
Over HTTP, the rest of the network (relay and event log, settlement, membership and referrals) handles every order on the same two cores.
`;
}
