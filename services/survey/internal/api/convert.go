package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func toSubject(subject int32) typev1.Subject { return typev1.Subject(subject) }

func timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
