#ifndef ENVELOPE_RELAY_TESTS_UNIT_STREAM_BYTE_BUFFER_H_
#define ENVELOPE_RELAY_TESTS_UNIT_STREAM_BYTE_BUFFER_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>
#include <vector>

namespace enveloperelay::testing {

inline std::vector<grpc::Slice> SlicesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices);
  return slices;
}

inline std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  for (const grpc::Slice& slice : SlicesOf(buffer)) {
    bytes.append(slice.begin(), slice.end());
  }
  return bytes;
}

template <typename Message>
Message ParseBytes(const grpc::ByteBuffer& buffer) {
  Message message;
  if (!message.ParseFromString(BytesOf(buffer))) message.Clear();
  return message;
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_UNIT_STREAM_BYTE_BUFFER_H_
