// What a worker that is stopped does about events that are on their way to it.

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/scripted_event_service.h"
#include "tests/support/settlements.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::Confirmation;
using ::enveloperelay::testing::Delivery;
using ::enveloperelay::testing::Eventually;
using ::enveloperelay::testing::Heartbeat;
using ::enveloperelay::testing::PlannedEnd;
using ::enveloperelay::testing::Refusal;
using ::enveloperelay::testing::ScriptedEventService;
using ::enveloperelay::testing::Summaries;
using ::testing::ElementsAre;
using ::testing::SizeIs;

using Act = ScriptedEventService::Act;
using Call = ScriptedEventService::Call;

// Less than what a last stream without an answer may take.
constexpr absl::Duration kSoon = absl::Seconds(2);

WorkerOptions OptionsFor(const ScriptedEventService& service) {
  return {.target = service.address(),
          .subscription = "billing",
          .worker_id = "pod-1",
          .backoff_initial = absl::Milliseconds(1),
          .backoff_max = absl::Milliseconds(10)};
}

// Runs a worker that stops itself at the first event.
absl::Status RunUntilFirstEvent(WorkerOptions options) {
  Worker worker(std::move(options));
  return worker.Run([&](const v1::EnvelopeEvent&) {
    worker.Stop();
    return Handled::Done();
  });
}

// The worker's stream: one event, and then nothing more.
grpc::Status FirstStream(Call& call) {
  call.Send(Confirmation(0));
  call.Send(Delivery("d1", {{1, "a"}}));
  return call.Silence();
}

v1::SubscribeResponse ConfirmationWithBacklog() {
  v1::SubscribeResponse response = Confirmation(0);
  response.set_backlog(2);
  return response;
}

TEST(HandBackTest, TakesOverOnceMoreAndShortensTheLeaseOfWhatComes) {
  const ScriptedEventService service(
      {FirstStream, [&](Call& call) {
         call.Send(ConfirmationWithBacklog());
         call.Send(Delivery("d2", {{2, "b", 2}}));
         EXPECT_TRUE(Eventually([&] { return call.IsCancelled(); }));
         return grpc::Status::CANCELLED;
       }});

  const absl::Status status = RunUntilFirstEvent(OptionsFor(service));

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Summaries(service.acknowledgements()),
              ElementsAre("d1 DONE", "d2 EXTEND"));
  ASSERT_THAT(service.requests(), SizeIs(2));
  const v1::SubscribeRequest last = service.requests()[1];
  EXPECT_EQ(last.subscription(), "billing");
  EXPECT_EQ(last.worker_id(), "pod-1");
  EXPECT_EQ(last.max_outstanding_events(), 1);
  EXPECT_EQ(last.max_batch_events(), 1);
  EXPECT_EQ(last.view(), v1::EVENT_VIEW_BASIC);
}

TEST(HandBackTest, TakesTheNameThatTheWorkerMadeUp) {
  const ScriptedEventService service({FirstStream, [](Call& call) {
                                        call.Send(Confirmation(0));
                                        return call.Silence();
                                      }});
  WorkerOptions options = OptionsFor(service);
  options.worker_id = "";

  const absl::Status status = RunUntilFirstEvent(std::move(options));

  EXPECT_TRUE(status.ok()) << status;
  ASSERT_THAT(service.requests(), SizeIs(2));
  EXPECT_NE(service.requests()[0].worker_id(), "");
  EXPECT_EQ(service.requests()[1].worker_id(),
            service.requests()[0].worker_id());
}

TEST(HandBackTest, WaitsForNoEventWhereNoneIsToCome) {
  // Nothing is left; or others have all that is left.
  for (const bool others : {false, true}) {
    const ScriptedEventService service(
        {FirstStream, [others](Call& call) {
           call.Send(others ? ConfirmationWithBacklog() : Confirmation(0));
           if (others) call.Send(Heartbeat(0));
           return call.Silence();
         }});
    const absl::Time begin = absl::Now();

    const absl::Status status = RunUntilFirstEvent(OptionsFor(service));

    EXPECT_TRUE(status.ok()) << status;
    EXPECT_LT(absl::Now() - begin, kSoon);
    EXPECT_THAT(service.requests(), SizeIs(2));
    EXPECT_THAT(Summaries(service.acknowledgements()), ElementsAre("d1 DONE"));
  }
}

TEST(HandBackTest, ItsFailureIsNotTheWorkers) {
  const std::vector<Act> failures = {
      [](Call& /*call*/) {
        return Refusal(grpc::StatusCode::UNAVAILABLE, "SERVER_UNAVAILABLE");
      },
      [](Call& call) {
        call.Send(ConfirmationWithBacklog());
        return Refusal(grpc::StatusCode::ABORTED, "WORKER_SUPERSEDED");
      },
  };
  for (const Act& failure : failures) {
    const ScriptedEventService service({FirstStream, failure});

    const absl::Status status = RunUntilFirstEvent(OptionsFor(service));

    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(service.requests(), SizeIs(2));
    EXPECT_THAT(Summaries(service.acknowledgements()), ElementsAre("d1 DONE"));
  }
}

TEST(HandBackTest, KeepsToTheStopTimeout) {
  const ScriptedEventService service(
      {FirstStream, [](Call& call) { return call.Silence(); }});
  WorkerOptions options = OptionsFor(service);
  options.stop_timeout = absl::Milliseconds(500);
  const absl::Time begin = absl::Now();

  const absl::Status status = RunUntilFirstEvent(std::move(options));

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LT(absl::Now() - begin, kSoon);
}

TEST(HandBackTest, TakesNoLongerThanItIsWorth) {
  const ScriptedEventService service(
      {FirstStream, [](Call& call) { return call.Silence(); }});
  WorkerOptions options = OptionsFor(service);
  options.stop_timeout = absl::Hours(1);

  const absl::Status status = RunUntilFirstEvent(std::move(options));

  EXPECT_TRUE(status.ok()) << status;
}

TEST(HandBackTest, TakesOverFromNobodyWhenTheRelayHasEndedTheStream) {
  const std::vector<Act> ends = {
      [](Call& call) {
        call.Send(Confirmation(0));
        call.Send(PlannedEnd(0, v1::END_REASON_MAX_AGE, absl::Hours(1)));
        return grpc::Status::OK;
      },
      [](Call& call) {
        call.Send(Confirmation(0));
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
      },
      // As a proxy may say it.
      [](Call& call) {
        call.Send(Confirmation(0));
        return grpc::Status(grpc::StatusCode::CANCELLED, "gone");
      },
  };
  for (const Act& end : ends) {
    const ScriptedEventService service({end});
    WorkerOptions options = OptionsFor(service);
    Worker* stoppable = nullptr;
    options.on_retry = [&](const absl::Status&, absl::Duration) {
      stoppable->Stop();
    };
    Worker worker(std::move(options));
    stoppable = &worker;

    const absl::Status status =
        worker.Run([](const v1::EnvelopeEvent&) { return Handled::Done(); });

    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(service.requests(), SizeIs(1));
  }
}

TEST(HandBackTest, HasNothingToGiveBackBeforeTheRelayAnswers) {
  const ScriptedEventService service({});
  Worker worker(OptionsFor(service));
  std::future<absl::Status> result = std::async(std::launch::async, [&] {
    return worker.Run([](const v1::EnvelopeEvent&) { return Handled::Done(); });
  });
  EXPECT_TRUE(Eventually([&] { return service.requests().size() == 1; }));

  worker.Stop();
  const absl::Status status = result.get();

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(service.requests(), SizeIs(1));
}

TEST(HandBackTest, LeavesItWhenTheLeasesHaveEndedWhileAHandlerRan) {
  ScriptedEventService service({[](Call& call) {
    call.Send(Confirmation(0));
    call.Send(Delivery("d1", {{1, "a"}}, absl::Seconds(1)));
    return call.Silence();
  }});
  Worker worker(OptionsFor(service));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent&) {
    worker.Stop();
    service.AwaitSettlements(3);  // EXTEND, each half a second after the other
    return Handled::Done();
  });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(service.requests(), SizeIs(1));
}

}  // namespace
}  // namespace enveloperelay::client
