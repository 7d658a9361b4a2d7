package audit

// formChecks returns the checks of the form of the values.
func formChecks() []Check {
	return []Check{
		{ID: "OCMT-ENC-006", Severity: High, Title: "Plaintext where a ciphertext belongs",
			Why:     "Whoever reads the database or a backup of it has the secret, and the server throws at the value.",
			LooksAt: "every value of the columns under ENCRYPTION_KEY", Right: valuesRight,
			NotFault: "A plaintext gateway token, which OCMT itself writes; JSON or a URL with two colons is read strictly, and then tried.",
			Fix:      "replace the secret where it was made, and enter the new one through OCMT",
			Source:   "operators' document, API Key Storage", look: lookAtValues((*valueCensus).judgePlaintext)},
		{ID: "OCMT-ENC-008", Severity: High, Title: "A tag shorter than 16 bytes",
			Why:     "The server accepts it. Whoever can write to the database forges a value under a 4-byte tag in some 2^32 tries.",
			LooksAt: "every value of the columns under ENCRYPTION_KEY", Right: valuesRight,
			NotFault: "A value that was cut: it opens no more, and is told by OCMT-ENC-001.",
			Fix:      "find out who wrote it, then enter the value again through OCMT; ocmt rotate leaves it as it is",
			Source:   "NIST SP 800-38D, appendix C; how the OCMT server encrypts values", look: lookAtValues((*valueCensus).judgeShortTags)},
		{ID: "OCMT-ENC-009", Severity: Low, Title: "A form that only the lenient server opens",
			Why:     "OCMT did not write it. Another program did, or somebody by hand.",
			LooksAt: "every value of the columns under ENCRYPTION_KEY", Right: valuesRight,
			Fix:    "ocmt rotate writes the value anew; one that it sets aside is to be entered again through OCMT",
			Source: "how the OCMT server encrypts values", look: lookAtValues((*valueCensus).judgeLenient)},
		{ID: "OCMT-ENC-013", Severity: Info, Title: "A gateway token in the clear",
			Why:     "Whoever reads the database or a backup of it can use the gateway of that user.",
			LooksAt: "every value of users.gateway_token", Right: "SELECT on users.gateway_token",
			NotFault: "It is the normal state: the server writes the token in the clear once it has made the container. It is more than information only where the token is the word unknown, or that of the gateway itself.",
			Fix:      "make the container of the user again",
			Source:   "how the OCMT server encrypts values", look: lookAtValues((*valueCensus).judgeTokens)},
	}
}

func (c *valueCensus) judgePlaintext() (seen Seen) {
	for _, key := range c.flaws.of(flawPlaintext) {
		fault := c.fault(key, "")
		fault.Message, fault.Expected, fault.Actual = "holds plaintext", "v{N}:iv:tag:text", "a text that is no ciphertext"
		seen.Faults = append(seen.Faults, fault)
	}
	return seen
}

func (c *valueCensus) judgeShortTags() (seen Seen) {
	for _, key := range c.flaws.of(flawShortTag) {
		fault := c.fault(key, "")
		fault.Message, fault.Expected, fault.Actual = "holds values with a short authentication tag, which the server accepts", "a tag of 16 bytes", "a shorter one"
		seen.Faults = append(seen.Faults, fault)
	}
	return mergeObjects(seen)
}

func (c *valueCensus) judgeLenient() (seen Seen) {
	for _, key := range c.flaws.of(flawLenient) {
		fault := c.fault(key, "")
		fault.Message, fault.Expected = "holds values that OCMT would not have written so", "the canonical form"
		fault.Actual = "another label, alphabet, padding, case or line end, or a 12-byte IV"
		seen.Faults = append(seen.Faults, fault)
	}
	return mergeObjects(seen)
}

// mergeObjects makes one fault of those of one object, such as the versions of a column.
func mergeObjects(seen Seen) Seen {
	var merged []Fault
	for _, fault := range seen.Faults {
		if last := len(merged) - 1; last >= 0 && merged[last].Object == fault.Object {
			merged[last].Count += fault.Count
			merged[last].Places = append(merged[last].Places, fault.Places...)
			merged[last].Places = merged[last].Places[:min(len(merged[last].Places), MaxPlaces)]
			continue
		}
		merged = append(merged, fault)
	}
	seen.Faults = merged
	return seen
}

func (c *valueCensus) judgeTokens() (seen Seen) {
	for _, key := range c.flaws.of(flawClear, flawUnknown, flawGatewayToken) {
		fault := c.fault(key, ", in the clear")
		fault.Severity, fault.Message, fault.Expected, fault.Actual = Info, "as the server writes it", "a ciphertext", "plaintext"
		switch key.flaw {
		case flawUnknown:
			fault = c.fault(key, ", unknown")
			fault.Severity, fault.Message, fault.Expected, fault.Actual = Medium, "everybody can guess it", "a token of 64 hexadecimal characters", "the word unknown"
		case flawGatewayToken:
			fault = c.fault(key, ", "+gatewayTokenName)
			fault.Severity, fault.Message, fault.Expected, fault.Actual = High, "it opens the gateway for everybody who reads the database", "a token of the user's own", gatewayTokenName+" itself"
			fault.Fix = "replace " + gatewayTokenName + ", then make the container of the user again"
		}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen
}
