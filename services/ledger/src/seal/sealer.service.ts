import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { Jobs } from '#libs/jobs';

import type { LedgerConfig } from '../ledger.config.js';

/** Postings of one block, and blocks of one look: the sealer keeps up with the tills without getting in their way. */
const BLOCK = 1_000;
const BLOCKS = 30;

/** What is wrong with an audit chain. */
export interface SealFault {
  cell: number;
  block: bigint | null;
  seq: bigint | null;
  posting_id: string | null;
  fault: string;
}

/** Seals what was committed, every few seconds. Instances take turns by themselves: the database lets one seal at a time. */
@Injectable()
export class SealerService {
  constructor(
    @Inject(CONFIG) config: LedgerConfig,
    jobs: Jobs,
    private readonly dataSource: DataSource,
  ) {
    jobs.every(config.sealMs, SealerService.name, (stopping) => this.seal(stopping));
  }

  /** Seals what there is now; answers how many postings. */
  async seal(stopping?: AbortSignal): Promise<number> {
    let total = 0;
    for (let block = 0; block < BLOCKS && stopping?.aborted !== true; block += 1) {
      const rows: { sealed: number }[] = await this.dataSource.query('select ledger_seal_v1($1) as sealed', [BLOCK]);
      const sealed = rows[0]?.sealed ?? 0;
      total += sealed;
      if (sealed < BLOCK) break;
    }
    return total;
  }

  /** The first fault of the chains, or of their newest blocks only; null where there is none. */
  async verify(newest: bigint | null = null): Promise<SealFault | null> {
    const rows: SealFault[] = await this.dataSource.query('select * from ledger_verify_v1($1)', [newest]);
    return rows[0] ?? null;
  }
}
