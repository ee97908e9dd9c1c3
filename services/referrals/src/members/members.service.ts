import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { InternalClient } from '#libs/auth';
import { BrandDirectory, lastContractAt } from '#libs/directory';
import { CONFIG } from '#libs/http';
import { fail } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';
import type { ReferralsConfig } from '../referrals.config.js';
import { MembersRepository } from './members.repository.js';

interface LinkState {
  brand: string;
  walletId: string;
  status: string;
  version: number;
}

const MEMBER_REF = /^mb_[0-9A-Z]{26}$/;

/** Who is whose member, and who contributed whom. */
@Injectable()
export class MembersService {
  constructor(
    @Inject(CONFIG) private readonly config: ReferralsConfig,
    private readonly dataSource: DataSource,
    private readonly repository: MembersRepository,
    private readonly internal: InternalClient,
    private readonly directory: BrandDirectory,
  ) {}

  /** The wallet of the brand's own live member; unknown, deleted and foreign are the same 404. Asks crm once for one not heard of yet. */
  async walletOf(brand: string, memberRef: string): Promise<string> {
    if (!MEMBER_REF.test(memberRef)) fail('not_found');
    const known = await runInTransaction(this.dataSource, { brand }, (tx) =>
      this.repository.find(tx, brand, memberRef),
    );
    if (known !== undefined) return known ?? fail('not_found');
    const link = await this.internal.get<LinkState>(`${this.config.crmUrl}/internal/v1/links/${memberRef}`);
    if (link === null || link.brand !== brand || link.status !== 'active') return fail('not_found');
    const member = { memberRef, brand, walletId: link.walletId, active: true, version: BigInt(link.version) };
    await runInTransaction(this.dataSource, { brand: '*' }, (tx) => this.repository.putLinks(tx, [member]));
    return link.walletId;
  }

  /** Contributor by wallet. After `expect`, a wallet that is missing here will be told by `MembersConsumer`. */
  contributors(tx: EntityManager, walletIds: readonly string[]): Promise<Map<string, string>> {
    return this.repository.bindings(tx, walletIds);
  }

  /** A brand that has left the alliance earns no more. */
  async present(contributor: string | undefined): Promise<string | null> {
    if (contributor === undefined) return null;
    return (await this.directory.get(contributor))?.status === 'closed' ? null : contributor;
  }

  /** Whether the brand may owe points to a buyer: it has, or had, a contract to settle them by. */
  async givesPoints(brand: string, at: Date): Promise<boolean> {
    const known = await this.directory.get(brand);
    return known !== null && lastContractAt(known, at) !== null;
  }

  expect(tx: EntityManager, walletIds: readonly string[]): Promise<void> {
    return this.repository.expectBindings(tx, walletIds);
  }
}
