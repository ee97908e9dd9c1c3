import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { BrandDirectory, lastContractAt } from '#libs/directory';
import { MembersRepository } from './members.repository.js';

@Injectable()
export class MembersService {
  constructor(
    private readonly repository: MembersRepository,
    private readonly directory: BrandDirectory,
  ) {}

  /** Contributor by wallet. After `expect`, `MembersConsumer` reports any wallet that is missing here. */
  contributors(tx: EntityManager, walletIds: readonly string[]): Promise<Map<string, string>> {
    return this.repository.bindings(tx, walletIds);
  }

  /** The contributor, or null if it has left the alliance: it then earns no more. */
  async present(contributor: string | undefined): Promise<string | null> {
    if (contributor === undefined) return null;
    return (await this.directory.get(contributor))?.status === 'closed' ? null : contributor;
  }

  /** Whether the brand may owe points to a buyer: it has or had a contract to settle them under. */
  async givesPoints(brand: string, at: Date): Promise<boolean> {
    const known = await this.directory.get(brand);
    return known !== null && lastContractAt(known, at) !== null;
  }

  expect(tx: EntityManager, walletIds: readonly string[]): Promise<void> {
    return this.repository.expectBindings(tx, walletIds);
  }
}
