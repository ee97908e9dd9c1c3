/** Description of an error code. `meaning` and `remedy` become its page under docs/errors. */
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
  'Repeat the call with the same externalId or Idempotency-Key: it takes effect once, however often it is sent.';
const FIX = 'Correct the fields that errors[] points to and send the call again.';

/** Every error code of the network. Codes are stable: none is renamed or reused. */
export const ERROR_CATALOGUE = {
  // the call itself
  body_unreadable: entry(
    400,
    'The body cannot be read',
    'The body is not valid JSON.',
    'Send a JSON object with the content type application/json.',
  ),
  body_too_large: entry(
    413,
    'The body is too large',
    'The body has more bytes, values or levels of nesting than this call accepts. Nothing was done.',
    'Send less in one call. Repeating the same body will be refused again.',
  ),
  request_timeout: entry(
    408,
    'The request did not arrive in time',
    'The headers or the body were not complete in time. Nothing was done.',
    'Repeat with the same key over a faster connection.',
    true,
  ),
  cursor_invalid: entry(
    400,
    'The cursor is not valid',
    'The value of after does not come from an earlier page of this list.',
    'Start again without after.',
  ),
  validation_failed: entry(
    422,
    'The request is not valid',
    'One or more fields are missing, unknown or out of range.',
    FIX,
  ),
  amount_out_of_range: entry(
    422,
    'The amount is out of range',
    'Points and amounts of money are whole numbers up to 2^53 − 1, or up to limit where it is given.',
    FIX,
  ),
  price_invalid: entry(
    422,
    'The price is not a decimal',
    'Prices are strings such as "0.90" with at most six decimal places.',
    FIX,
  ),
  token_invalid: entry(
    401,
    'The access token is missing or not valid',
    'The bearer token is missing, has expired, or was not issued for this API.',
    'Get a new token at the token endpoint.',
  ),
  scope_missing: entry(
    403,
    'The token lacks the required scope',
    'The client is not allowed to make this call.',
    'Request the scope when getting the token, or ask the operator to grant it.',
  ),
  not_found: entry(
    404,
    'Not found',
    'The resource does not exist or belongs to someone else; the answer is the same for both.',
    'Check the id.',
  ),
  precondition_failed: entry(
    412,
    'The resource has changed',
    'If-Match does not name the current version: someone else changed it in the meantime.',
    'Read the resource again and repeat with the new ETag.',
  ),
  precondition_required: entry(
    428,
    'If-Match is required',
    'A change must name the version it is based on.',
    'Read the resource and send its ETag in If-Match.',
  ),
  idempotency_conflict: entry(
    422,
    'The key was used for a different request',
    'The same externalId or Idempotency-Key was used before with different content.',
    'Use a new key for a new request.',
  ),
  idempotency_in_progress: entry(
    409,
    'A call with this key is still running',
    'The first call with the same key has not finished.',
    'Wait a moment, then repeat with the same key.',
    true,
  ),
  rate_limited: entry(
    429,
    'Too many calls',
    'The client has used up its quota for now, either of calls or of request bodies in flight.',
    'Wait for the time given in Retry-After.',
    true,
  ),
  queue_full: entry(
    429,
    'The ledger is busy',
    'More work is queued than can be done in time. Nothing was done for this call.',
    'Wait for the time given in Retry-After, then repeat with the same key.',
    true,
  ),
  unavailable: entry(503, 'Part of the network is unavailable', 'The call was not carried out.', REPEAT, true),
  outcome_unknown: entry(
    503,
    'The outcome is unknown',
    'The connection was lost while the call was being carried out. The call may or may not have taken effect.',
    REPEAT,
    true,
  ),
  internal_error: entry(
    500,
    'Internal error',
    'Something failed on our side. It has been logged under the traceId.',
    'Repeat with the same key. If the error persists, give the operator the traceId.',
    true,
  ),

  // brands and contracts
  brand_exists: entry(
    409,
    'A brand with this slug exists',
    'Slugs are unique within the alliance.',
    'Choose another slug.',
  ),
  brand_suspended: entry(
    403,
    'The brand is not live',
    'The brand is suspended, not yet admitted, or leaving, and may not do this now.',
    'Ask the operator.',
  ),
  role_missing: entry(
    403,
    'The brand’s contract does not include the role',
    'Issuing points requires the role issuer, accepting points the role redeemer, in the contract in force at that time.',
    'Ask the operator for a contract version that includes the role.',
  ),
  brand_not_closed: entry(
    409,
    'The brand has not left',
    'Debts to a brand can be written off only after it has left the alliance for good. Until then its points may still repay them.',
    'Take the brand through `exiting` to `closed` first.',
  ),
  status_transition_refused: entry(
    409,
    'The brand cannot move to this status',
    'A brand’s life cycle allows only certain transitions.',
    'The README of the partners service lists the transitions.',
  ),
  contract_overlap: entry(
    422,
    'The validity overlaps another version',
    'A brand has at most one contract version in force at any time.',
    'End the earlier version first, or choose a later validFrom.',
  ),
  contract_ended: entry(
    409,
    'The contract version already has an end',
    'An end can be set only once.',
    'Agree on a new version that starts where this one ends.',
  ),
  store_exists: entry(
    409,
    'A store with this ref exists',
    'Store refs are unique within a brand, and the store with this ref has a different name.',
    'Choose another ref, or rename the store with PATCH on the brand.',
  ),
  funding_mode_unsupported: entry(
    422,
    'The funding mode is not supported',
    'Only pay_at_redemption is supported.',
    'Use pay_at_redemption.',
  ),
  clock_backwards: entry(
    409,
    'The clock cannot go backwards',
    'The test clock can only be set to its current time or later.',
    'Choose a later time, or start a new sandbox.',
  ),
  test_clock_disabled: entry(
    409,
    'The test clock is disabled',
    'This network runs on real time; only sandboxes have a test clock.',
    'Use a sandbox.',
  ),

  // members
  vault_key_missing: entry(
    503,
    'A key of the vault is missing',
    'The data requested is sealed under a key version that the service was not given. Nothing was changed, and data under other keys is not affected.',
    'The operator must put the version named in `detail` back into VAULT_KEYS and restart crm. Then repeat with the same key.',
    true,
  ),
  consent_required: entry(
    422,
    'Consent to join the pool is missing',
    'A member can be contributed only with a granted join_pool consent.',
    'Obtain the consent and send it with the call.',
  ),
  contact_required: entry(
    422,
    'A contact point is required',
    'A member needs a phone number or an e-mail address.',
    FIX,
  ),
  member_exists: entry(
    409,
    'The brand already has this person',
    'The same contact point belongs to another externalId of this brand.',
    'Use the existing member.',
  ),

  member_erased: entry(
    410,
    'The member with this externalId has left',
    'The member was erased or withdrew join_pool after the consent in this call was given.',
    'Contribute the member again only with a join_pool consent given since then.',
  ),
  consent_withdrawn: entry(
    410,
    'The person withdrew after this consent',
    'A member of this brand with this contact point was erased or withdrew join_pool after the consent was given.',
    'Contribute the member again only with a join_pool consent given since then.',
  ),

  // ledger
  occurred_in_future: entry(422, 'The time is in the future', 'occurredAt is later than now.', FIX),
  occurred_too_early: entry(
    422,
    'The time is too early',
    'occurredAt is earlier than the brand’s contract accepts (30 days unless it says otherwise), or earlier than what the call refers to: the order of a return, the authorization of a capture. limit is the earliest time accepted.',
    FIX,
  ),
  currency_mismatch: entry(
    422,
    'The currency is not the brand’s currency',
    'A brand trades only in the currency of its contract.',
    FIX,
  ),
  store_unknown: entry(422, 'Unknown store', 'storeRef is not a store of this brand.', FIX),
  return_exceeds_purchase: entry(
    422,
    'The return exceeds the purchase',
    'In lines, quantities or net amount, the returns exceed the order.',
    FIX,
  ),
  points_insufficient: entry(
    422,
    'Not enough points',
    'The wallet has fewer spendable points than requested. limit is the number available.',
    'Request at most limit points, with a new key.',
  ),
  points_exceed_basket: entry(
    422,
    'The points are worth more than the basket',
    'A quote cannot be worth more than basketTotal.',
    'Request fewer points.',
  ),
  quote_expired: entry(410, 'The quote has expired', 'A quote is valid for five minutes.', 'Request a new quote.'),
  quote_used: entry(
    409,
    'The quote has already been used',
    'A quote can be used for one authorization.',
    'Request a new quote.',
  ),
  authorization_expired: entry(
    410,
    'The authorization has expired',
    'The authorization timed out and its points were returned to the member.',
    'Authorize again, with a new key.',
  ),
  authorization_closed: entry(
    409,
    'The authorization is closed',
    'The authorization was captured in full, voided, or has released the rest.',
    'Authorize again, with a new key.',
  ),
  capture_exceeds_authorization: entry(
    422,
    'The capture exceeds the authorization',
    'limit is the number of points left.',
    'Capture at most limit points, with a new key.',
  ),
  return_exceeds_capture: entry(
    422,
    'The return exceeds the capture',
    'limit is the number of points that can still be returned.',
    'Return at most limit points, with a new key.',
  ),
  wallet_limit_exceeded: entry(
    422,
    'The wallet cannot hold so many points',
    'A wallet holds at most 2^53 − 1 points. limit is the number that still fits.',
    'Grant at most limit points, with a new key.',
  ),
  rule_conflict: entry(
    409,
    'This rule version exists',
    'A rule of this brand with this name and start exists with different content.',
    'Choose another validFrom.',
  ),

  // settlement
  cycle_state: entry(
    409,
    'The cycle is not in the required state',
    'A cycle goes from open through cut-off, frozen and confirmed to closed.',
    'Read the cycle and take the next step.',
  ),
  leg_unknown: entry(
    422,
    'Unknown leg',
    'A leg is named by a total of a closed day in your statement and its position in that total, from 1 to count.',
    'Read the lines of the statement and name a total that has a root and belongs to a closed day.',
  ),
  opening_exists: entry(
    409,
    'The opening was already requested',
    'A brand can request the opening of a leg once.',
    'Read the openings of the cycle.',
  ),
  opening_decided: entry(
    409,
    'The opening has already been decided',
    'An opening is granted or refused once.',
    'Read the opening.',
  ),
  member_consent_missing: entry(
    409,
    'The member has not consented',
    'A leg is opened to a brand only with the member’s share_order_lines consent at the brand whose customer the purchase is about.',
    'Ask that brand to obtain the consent, then open the leg again.',
  ),
  cycle_not_settled: entry(
    409,
    'Events of the cycle are still being processed',
    'Not everything posted before the cut-off has reached settlement.',
    'Repeat in a moment.',
    true,
  ),
  cycle_unproven: entry(
    409,
    'The books of the cycle do not agree',
    'Something was changed without the service: lines, days, results or disputes do not follow from each other, or lines differ from what the ledger and referrals recorded.',
    'Read the cycle’s verification and the invariants, restore what was changed from a backup, then repeat.',
  ),

  // referrals
  split_mismatch: entry(
    422,
    'The split does not add up to the pool',
    'The shares of the split plan, in basis points, must add up to the pool exactly.',
    FIX,
  ),
  recruit_pay_refused: entry(
    422,
    'Recruiting is not paid',
    'Commission is paid on settled orders only, never per recruit and never as a joining fee.',
    'Publish an offer whose basis is order.',
  ),
  depth_exceeded: entry(
    422,
    'The introduction would be too deep',
    'A distributor who was introduced cannot introduce others, and introducing requires a programme of depth 2. No configuration allows a third level.',
    'Register the distributor without an introducer.',
  ),
  offer_closed: entry(
    409,
    'The offer is not open',
    'The offer has been withdrawn, has not started, or has ended.',
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
    'A link belongs to a campaign for which the brand has picked the offer.',
    'Pick the offer for the campaign first.',
  ),
  code_unknown: entry(
    422,
    'Unknown code',
    'The code was mistyped (its check letter is wrong), or no link has it.',
    'Check the code.',
  ),
  code_of_other_campaign: entry(
    422,
    'The code belongs to another campaign',
    'A code counts only for the campaign its link was made for.',
    'Send the link’s campaign, or none.',
  ),
  target_refused: entry(
    422,
    'The offer does not allow the target',
    'A link may lead only to https addresses on the hosts listed in the offer.',
    'Choose a target on one of the offer’s hosts.',
  ),
  earnings_insufficient: entry(
    422,
    'Not enough payable earnings',
    'Only earnings whose hold has ended can be converted or paid. limit is the amount available.',
    'Request at most limit.',
  ),
  conversion_unpriced: entry(
    409,
    'No conversion price is in force',
    'The referral programme in force has no price per point.',
    'Ask the operator.',
  ),
  payout_state: entry(
    409,
    'The payout is not in the required state',
    'A payout goes from draft through released to paid; a draft can be cancelled.',
    'Read the payout and take the next step.',
  ),
  payout_changed: entry(
    409,
    'The payout is not what was approved',
    'The rows of a released payout give another hash than the one that two people approved: somebody changed them after the release.',
    'Pay nothing by this payout. Compare its items with the approval and find out who changed them.',
  ),
  maker_is_checker: entry(
    403,
    'The approver is not independent',
    'The client that requested an act cannot approve it. Nor can a client that it created in the last thirty days, that created it in that time, or that has the same creator.',
    'Have an independent client of the operator approve it.',
  ),
  payout_empty: entry(
    409,
    'Nothing to pay',
    'No person has payable earnings in this currency, or everyone in the draft has been erased since.',
    'Try again when holds have ended. Cancel a draft in which everyone has been erased.',
  ),
  commission_state: entry(
    409,
    'The commission is not in the required state',
    'Only a commission on fraud hold can be resolved.',
    'Read the commission.',
  ),

  // membership
  ladder_invalid: entry(
    422,
    'The ladder is inconsistent',
    'Weights, caps or conditions contradict each other: one brand alone could lead to the top rank, no one could reach it, or a higher rank requires less than a lower one.',
    FIX,
  ),
  ladder_overlap: entry(
    422,
    'The validity overlaps another ladder',
    'At most one ladder is in force at any time.',
    'Name the open ladder in supersedes, end it first, or choose a later validFrom.',
  ),
  ladder_ended: entry(
    409,
    'The ladder already has an end',
    'An end can be set only once, and not in the past.',
    'Propose a new ladder that starts where this one ends.',
  ),
  brand_unknown: entry(422, 'Unknown brand', 'A slug does not belong to any brand of the alliance.', FIX),
  tier_map_overlap: entry(
    422,
    'The tier is already mapped for that time',
    'A brand’s tier maps to at most one rank at any time.',
    'Choose a later validFrom.',
  ),
  tier_map_too_high: entry(
    422,
    'Brands cannot map to this rank',
    'The ladder in force sets the highest rank to which brands may map their own tiers. limit names it.',
    'Map to this rank or a lower one.',
  ),
  tier_unmapped: entry(422, 'The tier is not mapped', 'The brand has not mapped this tier.', 'Map the tier first.'),
  not_for_the_past: entry(
    422,
    'The past cannot be changed',
    'Tier rules and grants can be changed for the future only.',
    'Choose a time that is not in the past.',
  ),
  tier_grant_state: entry(
    409,
    'The grant is not in the required state',
    'The grant has been revoked or has ended.',
    'Read the grant; create a new one if needed.',
  ),
  second_person_needed: entry(
    403,
    'A second person is required',
    'Nothing was done yet: the approval of another client of the operator has been requested. approval is its id, payloadHash identifies what was requested, and expiresAt is its deadline. limit, if present, names the contract limit that was exceeded.',
    'Have the other client approve it, then repeat the call unchanged.',
  ),
  approvals_too_many: entry(
    409,
    'Too many approvals are open',
    'This client has a hundred requests that wait for approval or were approved but not carried out. Nothing was done, and no approval was requested.',
    'Have the waiting requests approved or refused, carry out those approved, then repeat the call unchanged. Requests expire after a day.',
  ),
  approval_state: entry(
    409,
    'The approval is not in the required state',
    'An approval goes from pending through approved to used, or ends as refused or expired.',
    'Read the approval. If it is still needed, repeat the call that requested it.',
  ),

  // identity
  client_not_own: entry(
    403,
    'A client of the operator can add secrets only to itself',
    'With the secret of another client, one person could act as two.',
    'Have the client add its own secret, or create another client.',
  ),
  client_secret_limit: entry(
    409,
    'Two secrets are already live',
    'A client has at most two valid secrets at a time.',
    'Revoke one of them first.',
  ),
  last_operator_client: entry(
    409,
    'The operator would be locked out',
    'No other client of the operator could get a token.',
    'Create another client of the operator first.',
  ),
  own_client: entry(
    409,
    'A client cannot revoke itself',
    'The calling client, or its only secret, is the one to be revoked.',
    'Have another client of the operator do it. To change a secret, add the new one before revoking the old one.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
