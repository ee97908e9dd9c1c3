import { Injectable } from '@nestjs/common';
import type { Check, Invariants } from '#libs/http';
import { ContractsService } from './contracts.service.js';

/** Checks that a brand has at most one contract at any instant. Otherwise a price would depend on which one is read. */
@Injectable()
export class ContractInvariantsService implements Invariants {
  constructor(private readonly contracts: ContractsService) {}

  async check(): Promise<Check[]> {
    const overlaps = await this.contracts.overlaps();
    return [
      {
        name: 'partners: contract versions never overlap',
        ok: overlaps === 0,
        expected: '0',
        measured: String(overlaps),
      },
    ];
  }
}
