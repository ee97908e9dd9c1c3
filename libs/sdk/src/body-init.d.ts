/** The generated client uses the name of this browser type, which Node's types lack. */
type BodyInit = NonNullable<RequestInit['body']>;
