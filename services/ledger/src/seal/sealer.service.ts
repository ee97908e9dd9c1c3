import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { CONFIG } from '#libs/http';
import { Jobs } from '#libs/jobs';

import type { LedgerConfig } from '../ledger.config.js';

/** Postings per block, and blocks per run: the sealer keeps up with the tills without slowing them. */
const BLOCK = 1_000;
const BLOCKS = 30;

/** All seals are checked again in this many parts, one every ten minutes: within a week, of as many postings as the time of a part allows. */
const PARTS = 7 * 24 * 6;
const RECHECK_MS = 600_000;
/** Time for one part, well below the limit of a statement: some 200,000 postings. */
const PART_MS = 10_000;
/** The least passes that are checked at a time. */
const LEAST_PASSES = 100;

/** Seals committed postings every few seconds. Instances need no coordination: the database lets one seal at a time. */
@Injectable()
export class SealerService {
  constructor(
    @Inject(CONFIG) config: LedgerConfig,
    jobs: Jobs,
    private readonly dataSource: DataSource,
  ) {
    jobs.every(config.sealMs, SealerService.name, (stopping) => this.seal(stopping));
    jobs.every(RECHECK_MS, 'seal.recheck', () => this.recheck());
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

  /** Checks the next part of all seals, old ones too; a fault is kept for the invariants. Returns how many passes were good. */
  async recheck(): Promise<number> {
    const rows: { good: number }[] = await this.dataSource.query('select ledger_recheck_v1($1, $2, $3) as good', [
      PARTS,
      LEAST_PASSES,
      PART_MS,
    ]);
    return rows[0]?.good ?? 0;
  }
}
