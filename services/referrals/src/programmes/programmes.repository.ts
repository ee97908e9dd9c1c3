import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { PROGRAMMES } from './programmes.tables.js';
import type { NewProgramme, Programme } from './programmes.tables.js';

@Injectable()
export class ProgrammesRepository {
  all(tx: EntityManager): Promise<Programme[]> {
    return tx.find(PROGRAMMES, { order: { validFrom: 'asc' } });
  }

  from(tx: EntityManager, validFrom: Date): Promise<Programme> {
    return tx.findOneByOrFail(PROGRAMMES, { validFrom });
  }

  /** Adds a version; null if there is one from that instant. */
  async add(tx: EntityManager, programme: NewProgramme): Promise<Programme | null> {
    const [added] = await PROGRAMMES.insert(tx, [programme], 'on conflict (valid_from) do nothing returning *');
    return added === undefined ? null : PROGRAMMES.fromRow(added);
  }
}
