package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Survey is a set of questions. Enums are the numbers of the contract.
type Survey struct {
	Brand, ID    string
	DisplayName  string
	Subject      int32
	Scope        int32
	Questions    []Question
	SamplingRate float64
	QuietPeriod  time.Duration // whole microseconds
	Channels     []int32       // empty for all
	State        int32
	CreateTime   time.Time
	Version      int64

	UpdateTime      time.Time
	Revision        int64
	Audience        int32
	Anonymous       bool
	ExpireAfter     time.Duration // whole microseconds
	CloseTime       time.Time     // zero for never
	Language        string
	Introduction    Wording
	Thanks          Wording
	ConsentRequired bool
}

// A Wording is something said, in the language of the survey and in others.
type Wording struct {
	Text         string            `json:"text,omitempty"`
	Translations map[string]string `json:"translations,omitempty"`
}

// A Question is one row of a survey's list.
type Question struct {
	ID         string `json:"id"`
	Kind       int32  `json:"kind"`
	Text       string `json:"text"`
	Required   bool   `json:"required,omitempty"`
	Definition string `json:"definition,omitempty"` // the touchpoint definition it rates

	Translations map[string]string `json:"translations,omitempty"`
	Choices      []Choice          `json:"choices,omitempty"`
	Branches     []Branch          `json:"branches,omitempty"`
}

// A Choice is one of the answers offered.
type Choice struct {
	ID           string            `json:"id"`
	Text         string            `json:"text"`
	Translations map[string]string `json:"translations,omitempty"`
}

// A Branch says what is asked next.
type Branch struct {
	Min         *int32   `json:"min,omitempty"`
	Max         *int32   `json:"max,omitempty"`
	Choices     []string `json:"choices,omitempty"`
	Expectation int32    `json:"expectation,omitempty"`
	Question    string   `json:"question,omitempty"` // empty for the end
}

// maxSurveys bounds the surveys kept in memory.
const maxSurveys = 1024

// AddSurvey adds s. An id in use fails the write with a unique error.
func (s *Store) AddSurvey(tx *sqldb.Tx, v Survey) error {
	if v.Channels == nil {
		v.Channels = []int32{}
	}
	questions, err := json.Marshal(v.Questions)
	if err != nil {
		return fmt.Errorf("add survey: %w", err)
	}
	channels, err := json.Marshal(v.Channels)
	if err != nil {
		return fmt.Errorf("add survey: %w", err)
	}
	tx.Defer(`
		INSERT INTO survey (brand, id, display_name, subject, scope, questions, sampling_rate, quiet_period, channels, state, create_time, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		v.Brand, v.ID, v.DisplayName, v.Subject, v.Scope, string(questions), v.SamplingRate,
		v.QuietPeriod.Microseconds(), string(channels), v.State, sqldb.Micros(v.CreateTime), v.Version)
	return nil
}

// Survey returns a survey or [ErrNotFound]. The caller must not change it: it is
// shared.
func (s *Store) Survey(ctx context.Context, brand, id string) (Survey, error) {
	key := [2]string{brand, id}
	s.mu.Lock()
	v, ok := s.surveys[key]
	s.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := s.readSurvey(ctx, brand, id)
	if err != nil {
		return Survey{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.surveys) >= maxSurveys {
		clear(s.surveys)
	}
	s.surveys[key] = v
	return v, nil
}

func (s *Store) readSurvey(ctx context.Context, brand, id string) (Survey, error) {
	v := Survey{Brand: brand, ID: id}
	var (
		questions, channels string
		quiet, created      int64
	)
	err := s.db.Read().QueryRowContext(ctx, `
		SELECT display_name, subject, scope, questions, sampling_rate, quiet_period, channels, state, create_time, version
		FROM survey WHERE brand = $1 AND id = $2`, brand, id).
		Scan(&v.DisplayName, &v.Subject, &v.Scope, &questions, &v.SamplingRate, &quiet, &channels, &v.State, &created, &v.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return Survey{}, ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal([]byte(questions), &v.Questions)
	}
	if err == nil {
		err = json.Unmarshal([]byte(channels), &v.Channels)
	}
	if err != nil {
		return Survey{}, fmt.Errorf("read survey: %w", sqldb.Fault(err))
	}
	v.QuietPeriod, v.CreateTime = time.Duration(quiet)*time.Microsecond, sqldb.Time(created)
	return v, nil
}
