import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { CONFIG } from '#libs/http';
import type { Check, Invariants } from '#libs/http';
import { monotonicMs } from '#libs/kernel';
import { runAudit } from '#libs/postgres';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle } from '../cycles/cycle.js';
import { CyclesService } from '../cycles/cycles.service.js';
import { EntriesService } from '../entries/entries.service.js';
import { NettingService } from '../netting/netting.service.js';
import type { CycleResult } from '../netting/netting.service.js';
import type { SettlementConfig } from '../settlement.config.js';
import { StatementFreezeService } from '../statements/statement-freeze.service.js';

interface LedgerOutstanding {
  issuers: { brand: string; points: number | string }[];
}

/** How long a proof of a sealed cycle is good for: its lines can't change, so proving it on every call would be waste. */
const PROOF_MS = 300_000;

/** What must hold in the partner ledger, measured now. */
@Injectable()
export class SettlementInvariants implements Invariants {
  private readonly proven = new Map<string, { at: number; broken: string }>();

  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly client: InternalClient,
    private readonly cycles: CyclesService,
    private readonly entries: EntriesService,
    private readonly netting: NettingService,
    private readonly statements: StatementFreezeService,
  ) {}

  async check(): Promise<Check[]> {
    const cycles = await this.cycles.list();
    return runAudit(this.dataSource, async (tx) => [
      await this.outstanding(tx),
      await this.positions(tx, cycles),
      await this.hashes(tx, cycles),
      await this.matrix(tx, cycles),
    ]);
  }

  /** The partner ledger and the member ledger agree on what every issuer still has to honour. */
  private async outstanding(tx: EntityManager): Promise<Check> {
    const ours = text(await this.entries.outstanding(tx));
    const answer = await this.client
      .get<LedgerOutstanding>(`${this.config.ledgerUrl}/internal/v1/outstanding`)
      .catch(() => null);
    const theirs =
      answer === null
        ? 'the ledger gave no answer'
        : text(answer.issuers.map(({ brand, points }) => ({ issuer: brand, points: BigInt(points) })));
    return check('settlement: outstanding points by issuer equal the ledger’s', theirs, ours);
  }

  private async positions(tx: EntityManager, cycles: readonly Cycle[]): Promise<Check> {
    const sums = await this.netting.storedSums(tx);
    let broken = sums.filter(({ sum }) => sum !== 0n).map(({ cycle }) => cycle);
    for (const cycle of cycles.filter(({ status }) => !isSealed(status))) {
      if (sumOf(await this.netting.live(tx, cycle.id)) !== 0n) broken = [...broken, cycle.id];
    }
    return check('settlement: positions of every cycle sum to 0', '', broken.join(' '));
  }

  private async hashes(tx: EntityManager, cycles: readonly Cycle[]): Promise<Check> {
    return check(
      'settlement: hashes of frozen statements follow from their lines',
      '',
      await this.prove(cycles, 'hash', async (cycle) =>
        (await this.statements.verify(tx, cycle.id)).map((brand) => `${cycle.id}/${brand}`).join(' '),
      ),
    );
  }

  private async matrix(tx: EntityManager, cycles: readonly Cycle[]): Promise<Check> {
    const broken = await this.prove(cycles, 'matrix', async (cycle) => {
      const live = await this.netting.live(tx, cycle.id);
      return resultText(live) === resultText(await this.netting.frozen(tx, cycle.id)) ? '' : cycle.id;
    });
    return check('settlement: frozen matrix and groups follow from the lines', '', broken);
  }

  private async prove(
    cycles: readonly Cycle[],
    what: string,
    proof: (cycle: Cycle) => Promise<string>,
  ): Promise<string> {
    const broken: string[] = [];
    for (const cycle of cycles.filter(({ status }) => isSealed(status))) {
      const key = `${what} ${cycle.id}`;
      let known = this.proven.get(key);
      if (known === undefined || known.broken !== '' || monotonicMs() - known.at > PROOF_MS) {
        known = { at: monotonicMs(), broken: await proof(cycle) };
        this.proven.set(key, known);
      }
      if (known.broken !== '') broken.push(known.broken);
    }
    return broken.join(' ');
  }
}

function check(name: string, expected: string, measured: string): Check {
  const shown = (value: string): string => (value === '' ? 'none' : value);
  return { name, ok: expected === measured, expected: shown(expected), measured: shown(measured) };
}

function text(issuers: readonly { issuer: string; points: bigint }[]): string {
  return issuers
    .filter(({ points }) => points !== 0n)
    .map(({ issuer, points }) => `${issuer} ${points}`)
    .sort()
    .join(', ');
}

function sumOf(result: CycleResult): bigint {
  return [...result.brands.values()].reduce((sum, value) => sum + value, result.operator + result.members);
}

function resultText(result: CycleResult): string {
  const rows = [
    ...result.groups.map((g) => [g.payer, g.payee, g.fee, g.priceMicro, g.points, g.amountMicro].join('|')),
    ...result.matrix.map((m) => [m.issuer, m.redeemer, m.points, m.amountMicro].join('|')),
  ];
  return rows.sort().join('\n');
}
