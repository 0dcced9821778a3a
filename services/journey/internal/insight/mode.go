package insight

import typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"

// ModeOf returns whether a channel is digital or physical, as the contract says.
func ModeOf(c typev1.Channel) typev1.Mode {
	switch c {
	case typev1.Channel_CHANNEL_EMAIL, typev1.Channel_CHANNEL_CHAT, typev1.Channel_CHANNEL_WEB, typev1.Channel_CHANNEL_MOBILE_APP,
		typev1.Channel_CHANNEL_SOCIAL, typev1.Channel_CHANNEL_SMS, typev1.Channel_CHANNEL_MESSAGING, typev1.Channel_CHANNEL_SEARCH,
		typev1.Channel_CHANNEL_IN_PRODUCT:
		return typev1.Mode_MODE_DIGITAL
	case typev1.Channel_CHANNEL_PHONE, typev1.Channel_CHANNEL_IN_STORE, typev1.Channel_CHANNEL_IN_PERSON,
		typev1.Channel_CHANNEL_MAIL, typev1.Channel_CHANNEL_OUTDOOR, typev1.Channel_CHANNEL_EVENT:
		return typev1.Mode_MODE_PHYSICAL
	}
	return typev1.Mode_MODE_UNSPECIFIED
}
