import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { AllianceClock, fail, formatInstant, pointsToJson } from '#libs/kernel';
import { runInTransaction } from '#libs/postgres';

import { WireIdsService } from '../ids/wire-ids.service.js';
import { PostingsService } from '../postings/postings.service.js';
import type { AuthorizationFacts, AuthorizationState } from './authorization.js';
import type { AuthorizationView } from './authorizations.answers.js';
import { AuthorizationsRepository } from './authorizations.repository.js';

const CACHE_SIZE = 20_000;

/** Finds a brand's own authorizations. The unchanging fields of the newest ones are cached for the expected capture. */
@Injectable()
export class AuthorizationsReaderService {
  private readonly recent = new Map<string, AuthorizationFacts>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: AllianceClock,
    private readonly postings: PostingsService,
    private readonly repository: AuthorizationsRepository,
    private readonly ids: WireIdsService,
  ) {}

  remember(facts: AuthorizationFacts): void {
    if (this.recent.size >= CACHE_SIZE) {
      const oldest = this.recent.keys().next();
      if (oldest.done !== true) this.recent.delete(oldest.value);
    }
    this.recent.set(facts.id, facts);
  }

  /** @throws DomainError `not_found`, for an unknown id and for another brand's alike */
  async facts(brand: string, id: string): Promise<AuthorizationFacts> {
    const uuid = this.ids.in('au', id) ?? fail('not_found');
    const known = this.recent.get(uuid);
    if (known !== undefined) return known.brand === brand ? known : fail('not_found');
    const facts = (await this.read(brand, uuid)) ?? fail('not_found');
    this.remember(facts);
    return facts;
  }

  /** The uuid of an authorization of the brand; null if the id matches none. */
  async own(brand: string, id: string): Promise<string | null> {
    const uuid = this.ids.in('au', id);
    if (uuid === null) return null;
    const known = this.recent.get(uuid);
    const belongs = known !== undefined ? known.brand === brand : (await this.read(brand, uuid)) !== null;
    return belongs ? uuid : null;
  }

  /** The authorization as its brand sees it, after due work on it has been done. */
  async view(brand: string, id: string): Promise<AuthorizationView> {
    const uuid = this.ids.in('au', id) ?? fail('not_found');
    let state = (await this.read(brand, uuid)) ?? fail('not_found');
    const now = this.clock.now();
    if (state.open && state.expiresAt <= now) {
      await this.postings.settle(state.walletId, now);
      state = (await this.read(brand, uuid)) ?? fail('not_found');
    }
    return {
      id: this.ids.out('au', state.id),
      externalId: state.externalId,
      memberRef: state.memberRef,
      storeRef: state.store,
      status: state.status,
      points: pointsToJson(state.points),
      captured: pointsToJson(state.captured),
      returned: pointsToJson(state.returned),
      createdAt: formatInstant(state.authorizedAt),
      expiresAt: formatInstant(state.expiresAt),
    };
  }

  private read(brand: string, uuid: string): Promise<AuthorizationState | null> {
    return runInTransaction(this.dataSource, { brand }, (tx) => this.repository.find(tx, uuid));
  }
}
