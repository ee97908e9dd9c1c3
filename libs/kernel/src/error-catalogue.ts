/** What is known of an error code. `meaning` and `remedy` become its page under docs/errors. */
export interface ErrorEntry {
  status: number;
  title: string;
  retryable: boolean;
  meaning: string;
  remedy: string;
}

function entry(status: number, title: string, meaning: string, remedy: string, retryable = false): ErrorEntry {
  return { status, title, retryable, meaning, remedy };
}

const REPEAT =
  'Repeat the call with the same externalId or Idempotency-Key: it has one effect however often it is sent.';
const FIX = 'Correct the fields that errors[] points to and send again.';

/** Every error code of the network. Codes are stable: none is renamed or reused. */
export const ERROR_CATALOGUE = {
  // the call itself
  body_unreadable: entry(
    400,
    'The body cannot be read',
    'The body is no valid JSON, or no JSON at all.',
    'Send a JSON object with content-type application/json.',
  ),
  body_too_large: entry(
    413,
    'The body is too large',
    'The body has more bytes, more values or more depth than this call takes; nothing was done.',
    'Send less in one call. A repeat of the same body is refused as well.',
  ),
  request_timeout: entry(
    408,
    'The call did not come in time',
    'The head or the body of the call was not complete in time; nothing was done.',
    'Repeat with the same key, over a connection that is fast enough.',
    true,
  ),
  cursor_invalid: entry(
    400,
    'The cursor is not one of ours',
    'The value of after was not taken from an earlier page.',
    'Start again without after.',
  ),
  validation_failed: entry(
    422,
    'The request is readable but wrong',
    'One or more fields are missing, unknown or out of bounds.',
    FIX,
  ),
  amount_out_of_range: entry(
    422,
    'The amount is out of range',
    'Points and money are whole numbers of at most 2^53 − 1.',
    FIX,
  ),
  price_invalid: entry(
    422,
    'The price is not a plain decimal',
    'Prices are strings such as "0.90" with at most six decimals.',
    FIX,
  ),
  token_invalid: entry(
    401,
    'The access token is missing or not valid',
    'There is no bearer token, or it has expired or was not issued for this API.',
    'Get a new token at the token endpoint.',
  ),
  scope_missing: entry(
    403,
    'The token lacks the scope',
    'The client may not make this call.',
    'Ask for the scope when getting the token, or ask the operator to allow it.',
  ),
  not_found: entry(
    404,
    'There is no such thing',
    'The thing does not exist, or it belongs to somebody else: the answer is the same.',
    'Check the id.',
  ),
  precondition_failed: entry(
    412,
    'Somebody else changed it meanwhile',
    'If-Match does not name the current version.',
    'Read it again and repeat with the new ETag.',
  ),
  precondition_required: entry(
    428,
    'If-Match is needed',
    'A change must say which version it starts from.',
    'Read the thing and send its ETag in If-Match.',
  ),
  idempotency_conflict: entry(
    422,
    'The key was used for something else',
    'The same externalId or Idempotency-Key came before with other content.',
    'Use a new key for a new act.',
  ),
  idempotency_in_progress: entry(
    409,
    'The first call with this key still runs',
    'Another call with the same key has not finished.',
    'Wait a moment and repeat with the same key.',
    true,
  ),
  rate_limited: entry(
    429,
    'Too many calls',
    'The client has used up its quota for now: of calls, or of bodies under way at once.',
    'Wait as long as Retry-After says.',
    true,
  ),
  queue_full: entry(
    429,
    'The ledger is busy',
    'More work is waiting than can be done in time; nothing of this call was done.',
    'Wait as long as Retry-After says and repeat with the same key.',
    true,
  ),
  unavailable: entry(503, 'A part of the network is away', 'The call was not carried out.', REPEAT, true),
  outcome_unknown: entry(
    503,
    'The outcome is not known',
    'The connection was lost while the call was being carried out; it may or may not have had its effect.',
    REPEAT,
    true,
  ),
  internal_error: entry(
    500,
    'Something went wrong on our side',
    'A fault of ours, which has been logged under the traceId.',
    'Repeat with the same key; if it persists, tell the operator the traceId.',
    true,
  ),

  // brands and contracts
  brand_exists: entry(
    409,
    'There is a brand of this slug',
    'Slugs are unique in the alliance.',
    'Choose another slug.',
  ),
  brand_suspended: entry(
    403,
    'The brand may not do this now',
    'The brand is not live: suspended, not yet admitted, or leaving.',
    'Ask the operator.',
  ),
  role_missing: entry(
    403,
    'No contract in force gives this role',
    'Issuing needs the role issuer, accepting the role redeemer, in a contract valid at that time.',
    'Ask the operator for a contract version with the role.',
  ),
  brand_not_closed: entry(
    409,
    'The brand has not left',
    'Debts to a brand are written off when it has left the alliance for good: until then its points may still repay them.',
    'Let the brand go through `exiting` to `closed` first.',
  ),
  status_transition_refused: entry(
    409,
    'The brand cannot go to this status from where it is',
    'The life cycle of a brand has fixed transitions.',
    'See the partner service README for the transitions.',
  ),
  contract_overlap: entry(
    422,
    'The validity overlaps another version',
    'At any instant at most one contract version of a brand is in force.',
    'End the earlier version first, or choose a later validFrom.',
  ),
  contract_ended: entry(
    409,
    'The contract version has an end already',
    'Only an open end can be closed, and only once.',
    'Agree on a new version that begins where this one ends.',
  ),
  store_exists: entry(
    409,
    'The brand has a store of this ref',
    'Store refs are unique within a brand, and this one has another name.',
    'Choose another ref, or rename the store by PATCH of the brand.',
  ),
  funding_mode_unsupported: entry(
    422,
    'The funding mode is not supported',
    'Only pay_at_redemption is settled today.',
    'Use pay_at_redemption.',
  ),
  clock_backwards: entry(
    409,
    'The clock never goes backwards',
    'The test clock may only be set to its own instant or a later one.',
    'Choose a later instant, or start a fresh sandbox.',
  ),
  test_clock_disabled: entry(
    409,
    'This network runs on real time',
    'The test clock exists in sandboxes only.',
    'Use a sandbox.',
  ),

  // members
  vault_key_missing: entry(
    503,
    'A key of the vault is missing',
    'What is asked for is sealed under a version of the key that the service was not given. Nothing was changed, and everything under other keys works.',
    'The operator puts the version that `detail` names back into VAULT_KEYS and starts crm again; repeat with the same key then.',
    true,
  ),
  consent_required: entry(
    422,
    'Consent to join the pool is missing',
    'A member is contributed only with a granted join_pool consent.',
    'Get the consent and send it along.',
  ),
  contact_required: entry(
    422,
    'A contact point is needed',
    'A member needs at least a phone number or an e-mail address.',
    FIX,
  ),
  member_exists: entry(
    409,
    'The brand knows this person already',
    'The same contact point is linked to another externalId of this brand.',
    'Use the existing member.',
  ),

  member_erased: entry(
    410,
    'The member of this externalId has left',
    'The member was erased, or withdrew join_pool, after the consent of this call was given.',
    'Contribute again only with a join_pool consent that the person has given since.',
  ),
  consent_withdrawn: entry(
    410,
    'The person withdrew after this consent was given',
    'A member of this brand with this contact point was erased, or withdrew join_pool, after the consent was given.',
    'Contribute again only with a join_pool consent that the person has given since.',
  ),

  // ledger
  occurred_in_future: entry(422, 'The time lies in the future', 'occurredAt is later than now.', FIX),
  occurred_too_early: entry(
    422,
    'The time lies too far back',
    'occurredAt is earlier than the brand’s contract still takes (30 days unless it says otherwise), or earlier than what the call belongs to: the order of a return, the authorization of a capture. limit is the earliest time that is taken.',
    FIX,
  ),
  currency_mismatch: entry(
    422,
    'The currency is not the brand’s',
    'A brand trades in the one currency of its contract.',
    FIX,
  ),
  store_unknown: entry(422, 'The store is not one of the brand’s', 'storeRef names no store of this brand.', FIX),
  return_exceeds_purchase: entry(
    422,
    'More is returned than was bought',
    'By line, quantity or net, the returns of an order exceed the order.',
    FIX,
  ),
  points_insufficient: entry(
    422,
    'There are not enough points',
    'The wallet’s spendable points are fewer than asked; limit says how many there are.',
    'Ask for at most limit points, under a new key.',
  ),
  points_exceed_basket: entry(
    422,
    'The points are worth more than the basket',
    'A quote cannot exceed basketTotal.',
    'Ask for fewer points.',
  ),
  quote_expired: entry(410, 'The quote has expired', 'A quote holds for five minutes.', 'Ask for a new quote.'),
  quote_used: entry(409, 'The quote was used already', 'A quote pays for one authorization.', 'Ask for a new quote.'),
  authorization_expired: entry(
    410,
    'The authorization has expired',
    'Its time ran out and the points went back to the member.',
    'Authorize again, under a new key.',
  ),
  authorization_closed: entry(
    409,
    'The authorization is closed',
    'It was captured in full, voided or has given back its rest.',
    'Authorize again, under a new key.',
  ),
  capture_exceeds_authorization: entry(
    422,
    'More is captured than was authorized',
    'limit says how many points are left.',
    'Capture at most limit points, under a new key.',
  ),
  return_exceeds_capture: entry(
    422,
    'More is given back than was captured',
    'limit says how many points can still be given back.',
    'Give back at most limit points, under a new key.',
  ),
  wallet_limit_exceeded: entry(
    422,
    'The wallet cannot hold that many points',
    'A wallet holds at most 2^53 − 1 points; limit says how many more fit.',
    'Give at most limit points, under a new key.',
  ),
  rule_conflict: entry(
    409,
    'The rule version exists',
    'A rule of this brand, name and start exists with other content.',
    'Choose another validFrom.',
  ),

  // settlement
  cycle_state: entry(
    409,
    'The cycle is in another state',
    'A cycle goes open, cut-off, frozen, confirmed, closed, one after the other.',
    'Read the cycle and make the next step.',
  ),
  leg_unknown: entry(
    422,
    'There is no such leg',
    'Legs are asked for by a total of a closed day of your statement and their place in it, from 1 to its count.',
    'Read the lines of the statement and name a total that has a root and whose day is closed.',
  ),
  opening_exists: entry(
    409,
    'The leg was asked for before',
    'A brand asks for a leg once.',
    'Read the openings of the cycle.',
  ),
  opening_decided: entry(
    409,
    'It was decided about the opening',
    'An opening is opened or refused once.',
    'Read the opening.',
  ),
  member_consent_missing: entry(
    409,
    'The member has not agreed to it',
    'A leg is opened to a brand only with the member’s share_order_lines consent at the brand whose customer the purchase is about.',
    'Ask that brand to get the consent, then open again.',
  ),
  cycle_not_settled: entry(
    409,
    'Events of the cycle are still under way',
    'Not everything that was posted before the cut-off has reached settlement.',
    'Repeat in a moment.',
    true,
  ),

  // referrals
  split_mismatch: entry(
    422,
    'The split does not sum to the pool',
    'The shares of the split plan, in basis points, must sum to the pool exactly.',
    FIX,
  ),
  recruit_pay_refused: entry(
    422,
    'Nobody is paid for recruiting',
    'A commission is paid on settled orders only: never per recruit, never as a fee for joining.',
    'Publish an offer whose basis is order.',
  ),
  depth_exceeded: entry(
    422,
    'The relation would be too deep',
    'Who was introduced cannot introduce others, and introducing needs a programme of depth 2; no configuration allows a third level.',
    'Register the distributor without an introducer.',
  ),
  offer_closed: entry(
    409,
    'The offer is not open',
    'The offer was withdrawn, has not begun, or is over.',
    'Choose another offer.',
  ),
  offer_exhausted: entry(
    409,
    'The budget of the offer is used up',
    'The commissions posted under the offer have reached its budget.',
    'Choose another offer, or ask its brand for a new one.',
  ),
  offer_not_picked: entry(
    422,
    'The brand has not picked the offer for this campaign',
    'Links belong to a campaign for which the brand picked the offer.',
    'Pick the offer for the campaign first.',
  ),
  code_unknown: entry(
    422,
    'There is no such code',
    'The code is mistyped, as its check letter shows, or no link has it.',
    'Read the code again.',
  ),
  code_of_other_campaign: entry(
    422,
    'The code belongs to another campaign',
    'A code counts for the campaign that its link was made for.',
    'Send the campaign of the link, or none.',
  ),
  target_refused: entry(
    422,
    'The target is not allowed by the offer',
    'A link leads only to https addresses of the hosts that the offer lists.',
    'Choose a target on one of the hosts of the offer.',
  ),
  earnings_insufficient: entry(
    422,
    'There are not enough payable earnings',
    'Only earnings whose hold is over can be converted or paid; limit says how much there is.',
    'Ask for at most limit.',
  ),
  conversion_unpriced: entry(
    409,
    'There is no price of conversion today',
    'The referral programme in force names no price per point.',
    'Ask the operator.',
  ),
  payout_state: entry(
    409,
    'The payout is in another state',
    'A payout goes draft, released, paid; a draft can be cancelled.',
    'Read the payout and make the next step.',
  ),
  maker_is_checker: entry(
    403,
    'Maker and checker are one',
    'Whoever asks for an act cannot approve it, nor can a client that one of them made within thirty days, or that was made by the same one.',
    'Let an independent client of the operator approve it.',
  ),
  payout_empty: entry(
    409,
    'There is nothing to pay',
    'No earnings of persons are payable in this currency.',
    'Try again when holds are over.',
  ),
  payee_erased: entry(
    409,
    'A beneficiary was erased',
    'Every brand has lost a person whom the draft would pay; what he earned stays owed until two people decide.',
    'Cancel the draft and draw up another, which leaves him out; decide by POST /v1/operator/referrals/erased-payees.',
  ),
  commission_state: entry(
    409,
    'The commission is in another state',
    'Only a commission on fraud hold can be resolved.',
    'Read the commission.',
  ),

  // membership
  ladder_invalid: entry(
    422,
    'The ladder makes no sense',
    'Weights, caps or conditions contradict each other: a brand could buy the top rank, nobody could reach it, or a higher rank asks for less.',
    FIX,
  ),
  ladder_overlap: entry(
    422,
    'The validity overlaps another ladder',
    'At any instant at most one ladder is in force.',
    'Name the open one in supersedes, end it first, or choose a later validFrom.',
  ),
  ladder_ended: entry(
    409,
    'The ladder has an end already',
    'Only an open end can be set, only once, and not in the past.',
    'Propose a new ladder that begins where this one ends.',
  ),
  brand_unknown: entry(422, 'There is no such brand', 'A slug names no brand of the alliance.', FIX),
  tier_map_overlap: entry(
    422,
    'The tier is mapped for that time already',
    'At any instant a brand’s tier stands for at most one rank.',
    'Choose a later validFrom.',
  ),
  tier_map_too_high: entry(
    422,
    'Brands may not map to this rank',
    'The ladder in force says up to which rank brands may map their own tiers; limit says which.',
    'Map to at most this rank.',
  ),
  tier_unmapped: entry(
    422,
    'The tier is not mapped',
    'The brand has no map for this tier of its own.',
    'Map the tier first.',
  ),
  not_for_the_past: entry(
    422,
    'The past stays as it is',
    'Rules and grants of tiers change for the future only.',
    'Choose an instant that is not past.',
  ),
  tier_grant_state: entry(
    409,
    'The grant is in another state',
    'It was revoked already, or has run out.',
    'Read the grant; make a new one if needed.',
  ),
  second_person_needed: entry(
    403,
    'A second person is needed',
    'Nothing was done: the approval of another client of the operator was asked for. approval names it, payloadHash says of what, expiresAt until when; limit, where there is one, which limit of the contract it is about.',
    'Let the other client approve it, then repeat the call as it was.',
  ),
  approvals_too_many: entry(
    409,
    'Too many approvals are open',
    'A hundred acts of this client wait for approval, or were approved and not done. Nothing was done, and nothing was asked for.',
    'Have what waits approved or refused, do what was approved, and repeat the call as it was; what is a day old leaves by itself.',
  ),
  approval_state: entry(
    409,
    'The approval is in another state',
    'An approval goes pending, approved, used, or ends as refused or expired.',
    'Read the approval; repeat the call that asked for it if it is still needed.',
  ),

  // identity
  client_not_own: entry(
    403,
    'A client of the operator adds secrets to itself only',
    'With a secret of another client one would be two people.',
    'Let the client add its secret itself, or make another client.',
  ),
  client_secret_limit: entry(
    409,
    'Two secrets are live already',
    'At most two secrets of a client are valid at once.',
    'Revoke one first.',
  ),
  last_operator_client: entry(
    409,
    'The operator would be locked out',
    'No other client of the operator could get a token.',
    'Make another client of the operator first.',
  ),
  own_client: entry(
    409,
    'A client cannot revoke itself',
    'The client that calls, or its only secret, is the one to be revoked.',
    'Let another client of the operator do it; to change a secret, add the second before revoking the first.',
  ),
} as const satisfies Record<string, ErrorEntry>;

/** A stable error code. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;
