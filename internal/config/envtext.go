package config

// ParseEnv reads the text of an env file as the OCMT servers do, and returns the settings in it. It refuses
// what they skip or take literally although a person can hardly have meant it. The error is a *FileError
// without a path, and repeats nothing of the text.
func ParseEnv(text []byte) (map[string]string, error) {
	file := &envFile{values: map[string]string{}, lines: map[string]int{}}
	if err := file.parse("", string(text)); err != nil {
		return nil, err
	}
	return file.values, nil
}
