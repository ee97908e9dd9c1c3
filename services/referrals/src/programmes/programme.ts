import type { NewProgramme, Programme } from './programmes.tables.js';

export type ProgrammeTerms = Omit<NewProgramme, 'createdBy' | 'createdAt'>;

/** The programme before the first version. */
const NONE: Programme = {
  version: 0,
  contributorBp: 0,
  contributorFloorBp: 0,
  maxDepth: 1,
  signOff: null,
  introducerDays: 180,
  returnDays: 14,
  conversionPriceMicro: null,
  validFrom: new Date(0),
  createdBy: '',
  createdAt: new Date(0),
};

export function programmeAt(versions: readonly Programme[], at: Date): Programme {
  return versions.reduce(
    (found, version) => (version.validFrom <= at && version.validFrom >= found.validFrom ? version : found),
    NONE,
  );
}
