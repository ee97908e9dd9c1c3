import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { MapSourcesService } from '../maps/map-sources.service.js';
import type { Grant } from '../standings/ranks.js';
import { liveGrant } from './grant.js';
import { GrantsRepository } from './grants.repository.js';

/** All grants that may apply to a wallet besides its earned rank. */
@Injectable()
export class GrantSourcesService {
  constructor(
    private readonly grants: GrantsRepository,
    private readonly maps: MapSourcesService,
  ) {}

  async of(tx: EntityManager, wallets: readonly string[]): Promise<Map<string, Grant[]>> {
    const found = new Map<string, Grant[]>();
    const add = (wallet: string, grant: Grant): void => void found.set(wallet, [...(found.get(wallet) ?? []), grant]);
    for (const given of await this.grants.ofWallets(tx, wallets)) {
      const grant = liveGrant(given);
      if (grant !== null) add(given.walletId, grant);
    }
    for (const [wallet, grants] of await this.maps.of(tx, wallets)) for (const grant of grants) add(wallet, grant);
    return found;
  }
}
