import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { BrandDirectory } from '#libs/directory';
import type { BrandSnapshot } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { isSealed } from '../cycles/cycle.js';
import type { Cycle } from '../cycles/cycle.js';
import { brandParty } from '../parties/party.js';
import type { Party } from '../parties/party.js';
import type { SettlementConfig } from '../settlement.config.js';
import { net } from './netting.js';
import type { Entities, Netting, PriceGroup } from './netting.js';
import { NettingRepository } from './netting.repository.js';
import type { FrozenGroup, MatrixCell } from './netting.tables.js';

/** The result of a cycle, as far as the transaction's row context can see it. */
export interface CycleResult extends Netting {
  readonly groups: readonly (PriceGroup & Entities)[];
  readonly matrix: readonly MatrixCell[];
}

@Injectable()
export class NettingService {
  constructor(
    @Inject(CONFIG) private readonly config: SettlementConfig,
    private readonly client: InternalClient,
    private readonly repository: NettingRepository,
    private readonly directory: BrandDirectory,
  ) {}

  /** The frozen result of a sealed cycle, or the result of the lines so far. */
  async result(tx: EntityManager, cycle: Pick<Cycle, 'id' | 'status'>): Promise<CycleResult> {
    if (!isSealed(cycle.status)) return this.live(tx, cycle.id);
    const { groups, matrix } = await this.frozen(tx, cycle.id);
    return { ...net(groups), groups, matrix };
  }

  /** Computes the result from the lines and stores it permanently, with the current legal entities. */
  async freeze(tx: EntityManager, cycle: string): Promise<void> {
    const { groups, matrix } = await this.live(tx, cycle);
    await this.repository.freeze(tx, cycle, groups, matrix);
  }

  frozenOf(tx: EntityManager, cycle: string, party: Party): Promise<PriceGroup[]> {
    return this.repository.frozenGroups(tx, cycle, party);
  }

  /**
   * The groups that a party pays or is paid, from lines that it reads in full or of earlier days. Needs only the rows that the party
   * may see.
   */
  groupsOf(tx: EntityManager, cycle: string, party: Party, before: string): Promise<PriceGroup[]> {
    return this.repository.groupsOf(tx, cycle, party, before);
  }

  /** Nets of the frozen groups minus the lines in dispute. */
  async undisputed(tx: EntityManager, cycle: string): Promise<Netting['positions']> {
    return net(await this.repository.undisputedGroups(tx, cycle)).positions;
  }

  /** The result computed from the lines, ignoring the frozen one. */
  async fromLines(tx: EntityManager, cycle: string): Promise<{ groups: PriceGroup[]; matrix: MatrixCell[] }> {
    return {
      groups: await this.repository.liveGroups(tx, cycle),
      matrix: await this.repository.liveMatrix(tx, cycle),
    };
  }

  /** The frozen result, ignoring the lines. */
  async frozen(tx: EntityManager, cycle: string): Promise<{ groups: FrozenGroup[]; matrix: MatrixCell[] }> {
    return {
      groups: await this.repository.frozenGroups(tx, cycle),
      matrix: await this.repository.frozenMatrix(tx, cycle),
    };
  }

  /** The legal entity of a brand by partners, whatever the copy here says. @throws DomainError `unavailable` */
  async entityOf(brand: string): Promise<string | undefined> {
    const url = `${this.config.partnersUrl}/internal/v1/brands/${encodeURIComponent(brand)}`;
    return (await this.client.get<BrandSnapshot>(url))?.legalEntity.id;
  }

  private async live(tx: EntityManager, cycle: string): Promise<CycleResult> {
    const { groups: bare, matrix } = await this.fromLines(tx, cycle);
    const brands = await this.directory.list(tx);
    const entities = new Map(brands.map(({ slug, legalEntity }) => [brandParty(slug), legalEntity.id]));
    const groups = bare.map((group) => ({
      ...group,
      payerEntity: entities.get(group.payer) ?? null,
      payeeEntity: entities.get(group.payee) ?? null,
    }));
    return { ...net(groups), groups, matrix };
  }
}
