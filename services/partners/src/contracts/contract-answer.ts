import { formatInstant } from '#libs/kernel';
import { priceFromMicro } from './contract.js';
import type { ContractVersion } from './contract.js';
import type { ContractView } from './contracts.answers.js';

export function contractAnswer(contract: ContractVersion): ContractView {
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
