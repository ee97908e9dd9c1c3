import type { IssuingLimits } from '#libs/directory';
import { formatInstant } from '#libs/kernel';
import { priceFromMicro } from './contract.js';
import type { ContractVersion } from './contract.js';

/** A contract version as the operator sees it. */
export interface ContractAnswer {
  id: string;
  brand: string;
  version: number;
  validFrom: string;
  validTo: string | null;
  roles: string[];
  fundingMode: string;
  currency: string;
  prices: { accrual: string; reimbursement: string; operatorFee: string };
  faceValue: string;
  cycle: string;
  feeOnOwn: boolean;
  latenessDays: number | null;
  attests: string[];
  limits: IssuingLimits;
  createdAt: string;
}

/** Version → wire. */
export function contractAnswer(contract: ContractVersion): ContractAnswer {
  return {
    id: contract.id,
    brand: contract.brand,
    version: contract.version,
    validFrom: formatInstant(contract.validFrom),
    validTo: contract.validTo === null ? null : formatInstant(contract.validTo),
    roles: [...contract.roles],
    fundingMode: contract.fundingMode,
    currency: contract.currency,
    prices: {
      accrual: priceFromMicro(contract.accrualMicro),
      reimbursement: priceFromMicro(contract.reimbursementMicro),
      operatorFee: priceFromMicro(contract.operatorFeeMicro),
    },
    faceValue: priceFromMicro(contract.faceValueMicro),
    cycle: contract.cycle,
    feeOnOwn: contract.feeOnOwn,
    latenessDays: contract.latenessDays,
    attests: [...contract.attests],
    limits: contract.limits,
    createdAt: formatInstant(contract.createdAt),
  };
}
