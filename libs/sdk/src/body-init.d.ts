/** The generated client names this type of browsers, which Node has without a name. */
type BodyInit = NonNullable<RequestInit['body']>;
