-- The cell of a wallet's id, of the id of anything in that wallet, or of the digest of a key. It never changes.
create function ledger_cell(uuid) returns smallint
language sql immutable strict parallel safe
return ((get_byte(uuid_send($1), 15) & 63))::smallint;

grant execute on function ledger_cell(uuid) to public;
