#include "server/signplus/fields.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/string_view.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "server/signplus/webhook.h"

namespace enveloperelay {
namespace {

namespace json = boost::json;
using boost::system::error_code;

enum class Kind : uint8_t { kAbsent, kString, kObject, kOther };

// An object of the body that holds known fields.
struct Section {
  std::string_view name;
  Kind kind = Kind::kAbsent;
};

struct Field {
  size_t section;
  std::string_view key;
  std::string WebhookFields::* text;
  bool required = false;
  Kind kind = Kind::kAbsent;
};

// Unknown names that are taken from one body.
constexpr size_t kUnknownMax = 256;

// Told by the parser what stands in the body, in order; keeps what is known.
// The names of its functions are Boost's.
// NOLINTBEGIN(readability-identifier-naming,readability-convert-member-functions-to-static)
class FieldsHandler {
 public:
  static constexpr size_t max_object_size = SIZE_MAX;
  static constexpr size_t max_array_size = SIZE_MAX;
  static constexpr size_t max_key_size = SIZE_MAX;
  static constexpr size_t max_string_size = SIZE_MAX;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

  bool on_object_begin(error_code&) {
    if (depth_ == 0) root_is_object_ = true;
    if (depth_ == 1 && next_section_ != nullptr) open_section_ = next_section_;
    Value(Kind::kObject);
    ++depth_;
    return true;
  }
  bool on_object_end(size_t, error_code&) { return Leave(); }
  bool on_array_begin(error_code&) {
    Value(Kind::kOther);
    ++depth_;
    return true;
  }
  bool on_array_end(size_t, error_code&) { return Leave(); }

  bool on_key_part(json::string_view part, size_t, error_code&) {
    // Longer than every known key, so that a longer one never looks like one.
    if (key_.size() < kNameBytesMin) {
      key_.append(part.data(), std::min(part.size(), kNameBytesMin));
    }
    return true;
  }
  bool on_key(json::string_view part, size_t size, error_code& error) {
    on_key_part(part, size, error);
    Key(key_);
    key_.clear();
    return true;
  }

  bool on_string_part(json::string_view part, size_t, error_code&) {
    if (next_field_ != nullptr) {
      (values_.*next_field_->text).append(part.data(), part.size());
    }
    return true;
  }
  bool on_string(json::string_view part, size_t size, error_code& error) {
    on_string_part(part, size, error);
    Value(Kind::kString);
    return true;
  }

  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(int64_t, json::string_view, error_code&) { return Other(); }
  bool on_uint64(uint64_t, json::string_view, error_code&) { return Other(); }
  bool on_double(double, json::string_view, error_code&) { return Other(); }
  bool on_bool(bool, error_code&) { return Other(); }
  bool on_null(error_code&) {
    Value(Kind::kAbsent);
    return true;
  }

  // What is wrong with a body that is JSON.
  absl::Status Check() const;
  WebhookFields Take() { return std::move(values_); }

 private:
  // A key of the root object or of a section begins a value that may be known.
  void Key(std::string_view key);
  void AddUnknown(std::string prefix, std::string_view key);
  // The value that the last key announced, if any did, is of this kind.
  void Value(Kind kind);
  bool Other() {
    Value(Kind::kOther);
    return true;
  }
  bool Leave() {
    --depth_;
    if (depth_ == 1) open_section_ = nullptr;
    return true;
  }
  std::string Wrong(const Field& field) const;

  std::array<Section, 2> sections_ = {Section{.name = "hook"},
                                      Section{.name = "data"}};
  std::array<Field, 9> fields_ = {{
      {0, "event", &WebhookFields::event, true},
      {1, "envelope_id", &WebhookFields::envelope_id, true},
      {0, "id", &WebhookFields::hook_id},
      {0, "target", &WebhookFields::target},
      {1, "id", &WebhookFields::data_id},
      {1, "uid", &WebhookFields::uid},
      {1, "file_name", &WebhookFields::file_name},
      {1, "recipient_id", &WebhookFields::recipient_id},
      {1, "action", &WebhookFields::action},
  }};
  WebhookFields values_;
  bool root_is_object_ = false;
  size_t depth_ = 0;  // objects and arrays that are open
  std::string key_;
  // What the next value is, after a known key.
  Section* next_section_ = nullptr;
  Field* next_field_ = nullptr;
  // The section whose object is open.
  const Section* open_section_ = nullptr;
};
// NOLINTEND(readability-identifier-naming,readability-convert-member-functions-to-static)

void FieldsHandler::Key(std::string_view key) {
  if (depth_ == 1) {
    for (Section& section : sections_) {
      if (section.name == key) next_section_ = &section;
    }
    if (next_section_ == nullptr) AddUnknown("", key);
  } else if (depth_ == 2 && open_section_ != nullptr) {
    for (Field& field : fields_) {
      if (&sections_.at(field.section) != open_section_ || field.key != key) {
        continue;
      }
      next_field_ = &field;
      (values_.*field.text).clear();
    }
    if (next_field_ == nullptr) {
      AddUnknown(std::string(open_section_->name) + ".", key);
    }
  }
}

void FieldsHandler::AddUnknown(std::string prefix, std::string_view key) {
  if (values_.unknown.size() == kUnknownMax) return;
  values_.unknown.push_back(std::move(prefix.append(key)));
}

void FieldsHandler::Value(Kind kind) {
  if (next_section_ != nullptr) {
    next_section_->kind = kind;
    // Of two sections of one name the last counts, and nothing of the first.
    for (Field& field : fields_) {
      if (&sections_.at(field.section) != next_section_) continue;
      field.kind = Kind::kAbsent;
      (values_.*field.text).clear();
    }
    next_section_ = nullptr;
  }
  if (next_field_ != nullptr) {
    next_field_->kind = kind;
    next_field_ = nullptr;
  }
}

std::string FieldsHandler::Wrong(const Field& field) const {
  const std::string name = std::string(sections_.at(field.section).name) + "." +
                           std::string(field.key);
  if (field.kind != Kind::kAbsent && field.kind != Kind::kString) {
    return name + (field.required ? " must be a string"
                                  : " must be a string, null or absent");
  }
  if (!field.required) return "";
  if (field.kind == Kind::kAbsent) return name + " is missing";
  return (values_.*field.text).empty() ? name + " must not be empty" : "";
}

absl::Status FieldsHandler::Check() const {
  if (!root_is_object_) {
    return absl::FailedPreconditionError("the body must be a JSON object");
  }
  std::string wrong;
  const auto add = [&wrong](const std::string& text) {
    if (!wrong.empty() && !text.empty()) wrong += "; ";
    wrong += text;
  };
  for (const Section& section : sections_) {
    if (section.kind == Kind::kString || section.kind == Kind::kOther) {
      add(std::string(section.name) + " must be an object");
    }
  }
  for (const Field& field : fields_) add(Wrong(field));
  return wrong.empty() ? absl::OkStatus()
                       : absl::FailedPreconditionError(wrong);
}

}  // namespace

absl::Status ReadFields(std::string_view body, WebhookFields& fields) {
  json::parse_options options;
  options.max_depth = kWebhookDepthMax;
  json::basic_parser<FieldsHandler> parser(options);
  error_code error;
  const size_t parsed =
      parser.write_some(false, body.data(), body.size(), error);
  if (error == json::error::too_deep) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the body nests deeper than %d levels at byte %d",
                        kWebhookDepthMax, parsed));
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the body is not JSON in UTF-8 at byte %d: %s", parsed,
                        error.message()));
  }
  if (parsed < body.size()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the body is not JSON in UTF-8 at byte %d: more after its end",
        parsed));
  }
  const absl::Status status = parser.handler().Check();
  fields = parser.handler().Take();
  return status;
}

}  // namespace enveloperelay
