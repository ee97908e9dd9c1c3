import { defineMigration } from '#libs/postgres';

const reader = `current_setting('hezong.brand', true)`;

/**
 * Lines whose amount is fixed and not points times price: commissions. Parties that are no brands (operator, members) may pay
 * and be paid; a brand sees what it is paid as well as what it pays, and no context named like such a party sees anything.
 */
export const commissions = defineMigration({
  id: '0002',
  name: 'commissions',
  up: `
    alter table line drop constraint line_type_check, drop constraint line_check, drop constraint line_check1;
    alter table line drop column amount_micro;
    alter table line
      add column fixed_micro numeric(38, 0) not null default 0,
      add column amount_micro numeric(38, 0) generated always as (points::numeric * price_micro + fixed_micro) stored,
      add constraint line_type check (type in ('accrual', 'accrual_reversal', 'redemption', 'redemption_reversal', 'expiry', 'fee',
        'fee_reversal', 'contributor', 'contributor_reversal', 'referral', 'referral_reversal')),
      add constraint line_amount check (case when fixed_micro = 0
        then points <> 0 and (points < 0) = (type like '%\\_reversal') and type not like 'contributor%' and type not like 'referral%'
        else points = 0 and price_micro = 0 and (fixed_micro < 0) = (type like '%\\_reversal')
          and type in ('fee', 'fee_reversal', 'contributor', 'contributor_reversal', 'referral', 'referral_reversal') end),
      add constraint line_payee check (payee = 'operator' or payee is not distinct from redeemer
        or type in ('contributor', 'contributor_reversal', 'referral', 'referral_reversal'));
    -- a leg that takes back finds the line of the leg it takes back
    create index line_commission_leg on line (lot_id) where fixed_micro <> 0;

    drop policy line_party on line;
    create policy line_party on line using (${reader} = '*'
      or ${reader} in (payer, issuer, redeemer, payee) and ${reader} not in ('operator', 'members')) with check (${reader} = '*');
    drop policy frozen_group_party on frozen_group;
    create policy frozen_group_party on frozen_group using (${reader} = '*'
      or ${reader} in (payer, payee) and ${reader} not in ('operator', 'members')) with check (${reader} = '*');
  `,
});
