package trunkline

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// jsonText writes JSON. What is JSON text already (string, []byte, json.RawMessage) stays as it is, byte for byte.
func jsonText(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case []byte:
		return string(value), nil
	case json.RawMessage:
		return string(value), nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSuffix(text.String(), "\n"), err
}

// laidOver puts the members of one JSON object over those of another; each stays as it is, byte for byte.
func laidOver(below, above string) (string, error) {
	var names []string
	members := map[string]string{}
	for _, text := range []string{below, above} {
		err := eachMember(text, func(name, member string) {
			if _, known := members[name]; !known {
				names = append(names, name)
			}
			members[name] = member
		})
		if err != nil {
			return "", err
		}
	}
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = members[name]
	}
	return "{" + strings.Join(all, ",") + "}", nil
}

var errNoObject = errors.New("no JSON object")

// eachMember calls do with the name and with the whole text of each of an object's members.
func eachMember(text string, do func(name, member string)) error {
	if !json.Valid([]byte(text)) {
		return errNoObject
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errNoObject
	}
	for decoder.More() {
		start := decoder.InputOffset()
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		do(name.(string), strings.TrimLeft(text[start:decoder.InputOffset()], ", \t\r\n"))
	}
	return nil
}
