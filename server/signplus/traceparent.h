#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_TRACEPARENT_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_TRACEPARENT_H_

#include <string_view>

namespace enveloperelay {

// Whether `text` is a traceparent of version 00 (W3C Trace Context, section
// 3.2): 00-<32 hexadecimal digits>-<16>-<2>, in lower case, with neither id
// all zeros.
bool IsTraceparent(std::string_view text);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_TRACEPARENT_H_
