import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { Jobs } from '#libs/jobs';

import type { LedgerConfig } from '../ledger.config.js';

/** Postings per block, and blocks per run: the sealer keeps up with the tills without slowing them. */
const BLOCK = 1_000;
const BLOCKS = 30;

export interface SealFault {
  cell: number;
  block: bigint | null;
  seq: bigint | null;
  posting_id: string | null;
  fault: string;
}

/** Seals committed postings every few seconds. Instances need no coordination: the database lets one seal at a time. */
@Injectable()
export class SealerService {
  constructor(
    @Inject(CONFIG) config: LedgerConfig,
    jobs: Jobs,
    private readonly dataSource: DataSource,
  ) {
    jobs.every(config.sealMs, SealerService.name, (stopping) => this.seal(stopping));
  }

  /** Seals all postings available now; returns their number. */
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

  /** The first fault of the chains, or of only their newest blocks; null if there is none. */
  async verify(newest: bigint | null = null): Promise<SealFault | null> {
    const rows: SealFault[] = await this.dataSource.query('select * from ledger_verify_v1($1)', [newest]);
    return rows[0] ?? null;
  }
}
