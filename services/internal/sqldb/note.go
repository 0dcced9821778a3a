package sqldb

// Note keeps a word about what the closure does, for whoever runs it: see [Tx.Notes]. It
// is not written anywhere.
func (tx *Tx) Note(word string) { tx.notes = append(tx.notes, word) }

// Notes returns what was noted so far, in that order.
func (tx *Tx) Notes() []string { return tx.notes }
