-- A new id for something in the wallet. It ends in the wallet's last byte.
create function ledger_uuidv7(p_wallet uuid) returns uuid
language sql as $$
select encode(set_bit(set_bit(overlay(overlay(uuid_send(gen_random_uuid())
  placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6)
  placing substring(uuid_send(p_wallet) from 16) from 16 for 1), 52, 1), 53, 1), 'hex')::uuid
$$;
