#include "enveloperelay/subscriber.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/closed_port.h"
#include "tests/support/scripted_event_service.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::Batch;
using ::enveloperelay::testing::Confirmation;
using ::enveloperelay::testing::Heartbeat;
using ::enveloperelay::testing::PlannedEnd;
using ::enveloperelay::testing::Refusal;
using ::enveloperelay::testing::ScriptedEventService;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::SizeIs;

using Call = ScriptedEventService::Call;

// A store that remembers every cursor it was given.
class RecordingCursorStore final : public CursorStore {
 public:
  explicit RecordingCursorStore(std::string initial = "")
      : initial_(std::move(initial)) {}

  absl::StatusOr<std::string> Load() override { return initial_; }
  absl::Status Store(std::string_view cursor) override {
    stored_.emplace_back(cursor);
    return result_;
  }

  void FailWith(absl::Status result) { result_ = std::move(result); }
  const std::vector<std::string>& stored() const { return stored_; }

 private:
  const std::string initial_;
  absl::Status result_;
  std::vector<std::string> stored_;
};

SubscriberOptions OptionsFor(const ScriptedEventService& service) {
  SubscriberOptions options;
  options.target = service.address();
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(10);
  return options;
}

// Runs `subscriber` until `count` events have come; returns their sequences.
std::vector<uint64_t> Receive(Subscriber& subscriber, size_t count) {
  std::vector<uint64_t> sequences;
  const absl::Status status =
      subscriber.Run([&](const v1::EnvelopeEvent& event) {
        sequences.push_back(event.sequence());
        if (sequences.size() == count) subscriber.Stop();
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  return sequences;
}

grpc::Status Unavailable() {
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
}

TEST(SubscriberTest, HandsOutEventsInOrder) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    call.Send(Batch(1, 2));
    call.Send(Batch(3, 3));
    return call.Silence();
  }});
  Subscriber subscriber(OptionsFor(service));

  EXPECT_THAT(Receive(subscriber, 3), ElementsAre(1, 2, 3));
}

TEST(SubscriberTest, ResumesAfterTheLastResponseWhenTheStreamBreaks) {
  const ScriptedEventService service({[](Call& call) {
                                        call.Send(Confirmation(0));
                                        call.Send(Batch(1, 2));
                                        call.Send(Heartbeat(5));
                                        return Unavailable();
                                      },
                                      [](Call& call) {
                                        call.Send(Confirmation(5));
                                        call.Send(Batch(6, 6));
                                        return call.Silence();
                                      }});
  Subscriber subscriber(OptionsFor(service));

  EXPECT_THAT(Receive(subscriber, 3), ElementsAre(1, 2, 6));
  EXPECT_THAT(service.cursors(), ElementsAre("", "c5"));
}

TEST(SubscriberTest, BeginsAtTheStoredCursor) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(7));
    call.Send(Batch(8, 8));
    return call.Silence();
  }});
  RecordingCursorStore store("c7");
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  options.request.set_cursor("c3");
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 1), ElementsAre(8));
  EXPECT_THAT(service.cursors(), ElementsAre("c7"));
}

TEST(SubscriberTest, BeginsAtTheRequestsCursorWhenNoneIsStored) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(3));
    call.Send(Batch(4, 4));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  options.request.set_cursor("c3");
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 1), ElementsAre(4));
  EXPECT_THAT(service.cursors(), ElementsAre("c3"));
}

TEST(SubscriberTest, StoresACursorOnlyAfterItsBatchWasHandled) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    call.Send(Batch(1, 2));
    call.Send(Batch(3, 4));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));

  std::vector<std::vector<std::string>> stored_before;
  const absl::Status status = subscriber.Run([&](const v1::EnvelopeEvent& e) {
    stored_before.push_back(store.stored());
    if (e.sequence() == 4) subscriber.Stop();
    return absl::OkStatus();
  });

  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(stored_before,
              ElementsAre(ElementsAre("c0"), ElementsAre("c0"),
                          ElementsAre("c0", "c2"), ElementsAre("c0", "c2")));
  EXPECT_THAT(store.stored(), ElementsAre("c0", "c2", "c4"));
}

TEST(SubscriberTest, StoresTheCursorOfTheEventBeforeTheOneThatFailed) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Batch(1, 4));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));

  const absl::Status status = subscriber.Run([](const v1::EnvelopeEvent& e) {
    return e.sequence() == 3 ? absl::AbortedError("full") : absl::OkStatus();
  });

  EXPECT_EQ(status, absl::AbortedError("full"));
  EXPECT_THAT(store.stored(), ElementsAre("c2"));
  EXPECT_EQ(subscriber.Next().status(), absl::AbortedError("full"));
}

TEST(SubscriberTest, StoresNothingOfABatchWhoseFirstEventFailed) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Batch(1, 4));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));

  const absl::Status status = subscriber.Run(
      [](const v1::EnvelopeEvent&) { return absl::AbortedError("full"); });

  EXPECT_EQ(status, absl::AbortedError("full"));
  EXPECT_THAT(store.stored(), IsEmpty());
}

TEST(SubscriberTest, StopsBetweenTheEventsOfABatch) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Batch(1, 4));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 2), ElementsAre(1, 2));
  EXPECT_THAT(store.stored(), ElementsAre("c2"));
}

TEST(SubscriberTest, StoresHeartbeatsAtMostOnceASecond) {
  constexpr uint64_t kHeartbeats = 200;
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    for (uint64_t i = 1; i <= kHeartbeats; ++i) call.Send(Heartbeat(i));
    return Refusal(grpc::StatusCode::DATA_LOSS, "RECORD_CORRUPT");
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));

  const absl::Time begin = absl::Now();
  while (subscriber.Next().ok()) {
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);

  // The first, one a second, and the last when the subscriber ends.
  EXPECT_THAT(store.stored(),
              SizeIs(::testing::Le(static_cast<size_t>(seconds) + 2)));
  EXPECT_EQ(store.stored().front(), "c0");
  EXPECT_EQ(store.stored().back(), "c200");
}

TEST(SubscriberTest, CommitStoresAtOnceWhatNextWouldStoreLater) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Batch(1, 4));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));
  const auto response = subscriber.Next();
  ASSERT_TRUE(response.ok()) << response.status();

  const absl::Status status =
      subscriber.Commit((*response)->events(1).cursor());

  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(store.stored(), ElementsAre("c2"));
}

TEST(SubscriberTest, EndsWithTheErrorOfTheCursorStore) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Batch(1, 1));
    call.Send(Batch(2, 2));
    return call.Silence();
  }});
  RecordingCursorStore store;
  store.FailWith(absl::ResourceExhaustedError("disk full"));
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  Subscriber subscriber(std::move(options));

  const absl::Status status =
      subscriber.Run([](const v1::EnvelopeEvent&) { return absl::OkStatus(); });

  EXPECT_EQ(status, absl::ResourceExhaustedError("disk full"));
}

// A store that takes cursors but cannot tell what it holds.
class UnreadableCursorStore final : public CursorStore {
 public:
  absl::StatusOr<std::string> Load() override {
    return absl::DataLossError("not a cursor");
  }
  absl::Status Store(std::string_view cursor) override {
    ADD_FAILURE() << "stored " << cursor;
    return absl::OkStatus();
  }
};

TEST(SubscriberTest, StoresNothingInAStoreThatItCouldNotRead) {
  const ScriptedEventService service({});
  UnreadableCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  options.request.set_cursor("c3");
  Subscriber subscriber(std::move(options));

  EXPECT_EQ(subscriber.Next().status(), absl::DataLossError("not a cursor"));
}

TEST(SubscriberTest, EndsWhenCaughtUp) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    call.Send(Batch(1, 2));
    call.Send(PlannedEnd(2, v1::END_REASON_CAUGHT_UP, absl::ZeroDuration()));
    return grpc::Status::OK;
  }});
  SubscriberOptions options = OptionsFor(service);
  options.request.set_until_caught_up(true);
  Subscriber subscriber(std::move(options));

  std::vector<uint64_t> sequences;
  const absl::Status status = subscriber.Run([&](const v1::EnvelopeEvent& e) {
    sequences.push_back(e.sequence());
    return absl::OkStatus();
  });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(sequences, ElementsAre(1, 2));
  EXPECT_THAT(service.cursors(), SizeIs(1));
}

TEST(SubscriberTest, WaitsAsLongAsAPlannedEndAsks) {
  const ScriptedEventService service(
      {[](Call& call) {
         call.Send(Confirmation(3));
         call.Send(PlannedEnd(3, v1::END_REASON_SERVER_DRAINING,
                              absl::Milliseconds(120)));
         return grpc::Status::OK;
       },
       [](Call& call) {
         call.Send(Batch(4, 4));
         return call.Silence();
       }});
  SubscriberOptions options = OptionsFor(service);
  std::vector<std::pair<absl::Status, absl::Duration>> retries;
  absl::Time retry_time;
  options.on_retry = [&](const absl::Status& status, absl::Duration delay) {
    retries.emplace_back(status, delay);
    retry_time = absl::Now();
  };
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 1), ElementsAre(4));
  EXPECT_GE(absl::Now() - retry_time, absl::Milliseconds(119));
  EXPECT_THAT(retries,
              ElementsAre(Pair(absl::OkStatus(), absl::Milliseconds(120))));
  EXPECT_THAT(service.cursors(), ElementsAre("", "c3"));
}

TEST(SubscriberTest, ReconnectsWhenAStreamEndsWithoutAReason) {
  const ScriptedEventService service({[](Call& call) {
                                        call.Send(Batch(1, 1));
                                        return grpc::Status::OK;
                                      },
                                      [](Call& call) {
                                        call.Send(Batch(2, 2));
                                        return call.Silence();
                                      }});
  Subscriber subscriber(OptionsFor(service));

  EXPECT_THAT(Receive(subscriber, 2), ElementsAre(1, 2));
}

// The first response of a stream, with one event in it.
v1::SubscribeResponse ConfirmationWithEvent(uint64_t sequence,
                                            absl::Duration heartbeat) {
  v1::SubscribeResponse response = Confirmation(sequence, heartbeat);
  response.MergeFrom(Batch(sequence, sequence));
  return response;
}

TEST(SubscriberTest, LeavesAStreamThatIsSilentForTwoHeartbeats) {
  const ScriptedEventService service(
      {[](Call& call) {
         call.Send(ConfirmationWithEvent(1, absl::Milliseconds(50)));
         return call.Silence();
       },
       [](Call& call) {
         call.Send(Batch(2, 2));
         return call.Silence();
       }});
  SubscriberOptions options = OptionsFor(service);
  absl::Status reason;
  options.on_retry = [&](const absl::Status& status, absl::Duration) {
    reason = status;
  };
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 2), ElementsAre(1, 2));
  EXPECT_EQ(reason.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(reason.message()),
              HasSubstr("no further response from 127.0.0.1"));
  EXPECT_THAT(std::string(reason.message()), HasSubstr("within 100ms"));
}

TEST(SubscriberTest, LeavesAServerThatDoesNotAnswerInTime) {
  const ScriptedEventService service({[](Call& call) { return call.Silence(); },
                                      [](Call& call) {
                                        call.Send(Batch(1, 1));
                                        return call.Silence();
                                      }});
  SubscriberOptions options = OptionsFor(service);
  options.connect_timeout = absl::Seconds(1);
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 1), ElementsAre(1));
}

TEST(SubscriberTest, DoesNotMistakeASlowHandlerForADeadStream) {
  static constexpr absl::Duration kHeartbeat = absl::Milliseconds(200);
  const ScriptedEventService service({[](Call& call) {
    call.Send(ConfirmationWithEvent(1, kHeartbeat));
    call.Send(Batch(2, 2));
    return call.Silence();
  }});
  SubscriberOptions options = OptionsFor(service);
  options.on_retry = [](const absl::Status& status, absl::Duration) {
    ADD_FAILURE() << status;
  };
  Subscriber subscriber(std::move(options));

  std::vector<uint64_t> sequences;
  const absl::Status status = subscriber.Run([&](const v1::EnvelopeEvent& e) {
    sequences.push_back(e.sequence());
    if (e.sequence() == 2) subscriber.Stop();
    const absl::Time until = absl::Now() + 2.5 * kHeartbeat;
    while (e.sequence() == 1 && absl::Now() < until) std::this_thread::yield();
    return absl::OkStatus();
  });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(sequences, ElementsAre(1, 2));
}

TEST(SubscriberTest, ReturnsWhatRetryingCannotMend) {
  const ScriptedEventService service({[](Call&) {
    return Refusal(grpc::StatusCode::OUT_OF_RANGE, "CURSOR_EXPIRED",
                   {{"earliestSequence", "42"}, {"lostEvents", "7"}});
  }});
  Subscriber subscriber(OptionsFor(service));

  const absl::Status status = subscriber.Next().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(GetErrorInfo(status),
              Optional(ErrorInfo{.reason = "CURSOR_EXPIRED",
                                 .metadata = {{"earliestSequence", "42"},
                                              {"lostEvents", "7"}}}));
  EXPECT_EQ(subscriber.Next().status(), status);
}

TEST(SubscriberTest, RetriesWhatTheRelaySaysMayPass) {
  const ScriptedEventService service(
      {[](Call&) {
         return Refusal(grpc::StatusCode::UNAVAILABLE, "SERVER_UNAVAILABLE");
       },
       [](Call&) {
         return Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "STREAM_LIMIT");
       },
       [](Call&) {
         return Refusal(grpc::StatusCode::ABORTED, "READER_STALLED");
       },
       [](Call&) { return Refusal(grpc::StatusCode::INTERNAL, "INTERNAL"); },
       [](Call& call) {
         call.Send(Batch(1, 1));
         return call.Silence();
       }});
  Subscriber subscriber(OptionsFor(service));

  EXPECT_THAT(Receive(subscriber, 1), ElementsAre(1));
  EXPECT_THAT(service.cursors(), SizeIs(5));
}

TEST(SubscriberTest, RetriesWhenNobodyListens) {
  const testing::ClosedPort port;
  SubscriberOptions options;
  options.target = port.address();
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(10);
  Subscriber* stoppable = nullptr;
  std::vector<absl::Status> reasons;
  options.on_retry = [&](const absl::Status& status, absl::Duration) {
    reasons.push_back(status);
    if (reasons.size() == 3) stoppable->Stop();
  };
  Subscriber subscriber(std::move(options));
  stoppable = &subscriber;

  const auto response = subscriber.Next();

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(*response, nullptr);
  ASSERT_THAT(reasons, SizeIs(3));
  EXPECT_EQ(reasons[2].code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(reasons[2].message()),
              HasSubstr("Connection refused"));
}

TEST(SubscriberTest, StopsBeforeItBegins) {
  const ScriptedEventService service({});
  Subscriber subscriber(OptionsFor(service));

  subscriber.Stop();

  const auto response = subscriber.Next();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(*response, nullptr);
  EXPECT_THAT(service.cursors(), IsEmpty());
}

TEST(SubscriberTest, StopsFromAnotherThreadWhileItWaits) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    return call.Silence();
  }});
  Subscriber subscriber(OptionsFor(service));
  const auto first = subscriber.Next();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE((*first)->has_info());

  std::thread stopper([&] { subscriber.Stop(); });
  const auto response = subscriber.Next();
  stopper.join();

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(*response, nullptr);
}

TEST(SubscriberTest, StopsFromAnotherThreadWhileItBacksOff) {
  const testing::ClosedPort port;
  SubscriberOptions options;
  options.target = port.address();
  options.backoff_initial = absl::Hours(1);
  options.backoff_max = absl::Hours(1);
  Subscriber* stoppable = nullptr;
  std::thread stopper;
  options.on_retry = [&](const absl::Status&, absl::Duration) {
    stopper = std::thread([&] { stoppable->Stop(); });
  };
  Subscriber subscriber(std::move(options));
  stoppable = &subscriber;

  const auto response = subscriber.Next();
  stopper.join();

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(*response, nullptr);
}

TEST(SubscriberTest, GoesAwayInTheMiddleOfAStream) {
  const ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    call.Send(Batch(1, 1));
    return call.Silence();
  }});
  RecordingCursorStore store;
  SubscriberOptions options = OptionsFor(service);
  options.cursor_store = &store;
  {
    Subscriber subscriber(std::move(options));
    ASSERT_TRUE(subscriber.Next().ok());
    ASSERT_TRUE(subscriber.Next().ok());
  }

  EXPECT_THAT(store.stored(), ElementsAre("c0"));
}

TEST(SubscriberTest, RepeatsACallAsItsServiceConfigSays) {
  const auto unavailable = [](Call&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "not now");
  };
  const ScriptedEventService service({unavailable, unavailable, [](Call& call) {
                                        call.Send(Confirmation(0));
                                        call.Send(Batch(1, 1));
                                        return call.Silence();
                                      }});
  SubscriberOptions options = OptionsFor(service);
  options.service_config = R"({"methodConfig": [{
      "name": [{"service": "enveloperelay.v1.EnvelopeEventService"}],
      "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s",
                      "maxBackoff": "0.01s", "backoffMultiplier": 1,
                      "retryableStatusCodes": ["UNAVAILABLE"]}}]})";
  int retries = 0;
  options.on_retry = [&](const absl::Status&, absl::Duration) { ++retries; };
  Subscriber subscriber(std::move(options));

  EXPECT_THAT(Receive(subscriber, 1), ElementsAre(1));
  EXPECT_EQ(retries, 0);  // gRPC's, not the subscriber's
  EXPECT_THAT(service.requests(), SizeIs(3));
}

TEST(SubscriberTest, RefusesAServiceConfigThatGrpcDoesNotTake) {
  SubscriberOptions options;
  options.target = "127.0.0.1:9";
  options.service_config = R"({"loadBalancingConfig": [{"no_such": {}}]})";
  Subscriber subscriber(std::move(options));

  const absl::Status status = subscriber.Next().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("SubscriberOptions: gRPC does not take"));
}

TEST(SubscriberTest, RefusesOptionsThatCannotWork) {
  SubscriberOptions options;
  options.target = "127.0.0.1:9";
  options.request.set_subscription("billing");
  Subscriber subscriber(std::move(options));

  const absl::Status status = subscriber.Next().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("request.subscription"));
}

}  // namespace
}  // namespace enveloperelay::client
