#include "enveloperelay/worker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"
#include "tests/support/closed_port.h"
#include "tests/support/eventually.h"
#include "tests/support/scripted_event_service.h"
#include "tests/support/settlements.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::ClosedPort;
using ::enveloperelay::testing::Confirmation;
using ::enveloperelay::testing::DeliveredEvent;
using ::enveloperelay::testing::Delivery;
using ::enveloperelay::testing::Eventually;
using ::enveloperelay::testing::PlannedEnd;
using ::enveloperelay::testing::Refusal;
using ::enveloperelay::testing::ScriptedEventService;
using ::enveloperelay::testing::Summaries;
using ::enveloperelay::testing::Summary;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Call = ScriptedEventService::Call;

WorkerOptions OptionsFor(const ScriptedEventService& service) {
  WorkerOptions options;
  options.target = service.address();
  options.subscription = "billing";
  options.backoff_initial = absl::Milliseconds(1);
  options.backoff_max = absl::Milliseconds(10);
  return options;
}

grpc::Status Unavailable() {
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
}

// A stream for which there is nothing. A worker that was stopped opens one at
// its end.
grpc::Status NothingToSend(Call& call) {
  call.Send(Confirmation(0));
  return call.Silence();
}

// A script of one stream that brings `response` and then nothing more.
std::vector<ScriptedEventService::Act> OneStreamWith(
    v1::SubscribeResponse response) {
  return {[response = std::move(response)](Call& call) {
            call.Send(Confirmation(0));
            call.Send(response);
            return call.Silence();
          },
          NothingToSend};
}

// A handler that holds each event until the test lets it go. Thread-safe.
class GatedHandler {
 public:
  Handled operator()(const v1::EnvelopeEvent& event)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    started_.push_back(event.sequence());
    changed_.NotifyAll();
    while (!results_.contains(event.sequence())) changed_.Wait(mutex_);
    return results_.at(event.sequence());
  }

  // Lets the handler of `sequence` return, now or once it is called.
  void Return(uint64_t sequence, const Handled& handled = Handled::Done())
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    results_.insert_or_assign(sequence, handled);
    changed_.NotifyAll();
  }

  void AwaitStarted(size_t count) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    while (started_.size() < count) changed_.Wait(mutex_);
  }

  std::vector<uint64_t> started() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return started_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<uint64_t> started_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Handled> results_ ABSL_GUARDED_BY(mutex_);
};

// Runs a worker on a thread of its own.
class RunningWorker {
 public:
  RunningWorker(Worker& worker, GatedHandler& handler)
      : worker_(worker),
        result_(std::async(std::launch::async, [&worker, &handler] {
          return worker.Run(
              [&handler](const v1::EnvelopeEvent& e) { return handler(e); });
        })) {}
  ~RunningWorker() { worker_.Stop(); }
  RunningWorker(const RunningWorker&) = delete;
  RunningWorker& operator=(const RunningWorker&) = delete;

  // Waits for Run() to return.
  absl::Status Result() { return result_.get(); }

 private:
  Worker& worker_;
  std::future<absl::Status> result_;
};

TEST(WorkerTest, SubscribesAsItIsTold) {
  const ScriptedEventService service({});
  WorkerOptions options = OptionsFor(service);
  options.worker_id = "pod-1";
  options.max_outstanding_events = 50;
  options.max_batch_events = 10;
  options.max_batch_bytes = 100'000;
  options.view = v1::EVENT_VIEW_BASIC;
  options.heartbeat_interval = absl::Milliseconds(2500);
  Worker worker(std::move(options));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  ASSERT_TRUE(Eventually([&] { return service.requests().size() == 1; }));
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
  const v1::SubscribeRequest request = service.requests()[0];
  EXPECT_EQ(request.subscription(), "billing");
  EXPECT_EQ(request.worker_id(), "pod-1");
  EXPECT_EQ(request.max_outstanding_events(), 50);
  EXPECT_EQ(request.max_batch_events(), 10);
  EXPECT_EQ(request.max_batch_bytes(), 100'000);
  EXPECT_EQ(request.view(), v1::EVENT_VIEW_BASIC);
  EXPECT_EQ(request.heartbeat_interval().seconds(), 2);
  EXPECT_EQ(request.heartbeat_interval().nanos(), 500'000'000);
  EXPECT_EQ(request.cursor(), "");
}

TEST(WorkerTest, SettlesWhatTheHandlerReturns) {
  ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}, {2, "b"}, {3, "c"}})));
  Worker worker(OptionsFor(service));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent& event) {
    if (event.sequence() == 1) return Handled::Done();
    if (event.sequence() == 2) {
      return Handled::Retry({.delay = absl::Seconds(5), .reason = "later"});
    }
    worker.Stop();
    return Handled::DeadLetter("never");
  });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(
      Summaries(service.acknowledgements()),
      UnorderedElementsAre("d1 DONE 1", "d1 RETRY 2", "d1 DEAD_LETTER 3"));
  for (const v1::AcknowledgeRequest& call : service.acknowledgements()) {
    EXPECT_EQ(call.subscription(), "billing");
  }
  EXPECT_EQ(worker.counts().done, 1);
  EXPECT_EQ(worker.counts().retried, 1);
  EXPECT_EQ(worker.counts().dead_lettered, 1);
}

TEST(WorkerTest, TellsTheHandlerWhichAttemptItIs) {
  const ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a", 4}})));
  Worker worker(OptionsFor(service));

  uint32_t seen = 0;
  const absl::Status status =
      worker.Run([&](const v1::EnvelopeEvent&, uint32_t attempt) {
        seen = attempt;
        worker.Stop();
        return Handled::Done();
      });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 4);
}

TEST(WorkerTest, HandlesEnvelopesAtTheSameTimeAndTheirEventsInOrder) {
  const ScriptedEventService service(OneStreamWith(
      Delivery("d1", {{1, "a"}, {2, "a"}, {3, "b"}, {4, "b"}, {5, "c"}})));
  WorkerOptions options = OptionsFor(service);
  options.concurrency = 8;
  Worker worker(std::move(options));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  handler.AwaitStarted(3);
  EXPECT_THAT(handler.started(), UnorderedElementsAre(1, 3, 5));
  handler.Return(3);
  handler.AwaitStarted(4);
  EXPECT_EQ(handler.started()[3], 4);
  handler.Return(1);
  handler.AwaitStarted(5);
  EXPECT_EQ(handler.started()[4], 2);

  for (const uint64_t sequence : {2, 4, 5}) handler.Return(sequence);
  worker.Stop();
  EXPECT_TRUE(run.Result().ok());
}

TEST(WorkerTest, CallsTheHandlerFromNoMoreThreadsThanItIsTold) {
  const ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}})));
  WorkerOptions options = OptionsFor(service);
  options.concurrency = 2;
  Worker worker(std::move(options));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    handler.AwaitStarted(std::min<size_t>(sequence + 1, 4));
    EXPECT_THAT(handler.started(), SizeIs(std::min<size_t>(sequence + 1, 4)));
    handler.Return(sequence);
  }
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
}

TEST(WorkerTest, GathersResultsWhileACallIsOnItsWay) {
  constexpr uint64_t kEvents = 500;
  std::vector<DeliveredEvent> events;
  for (uint64_t i = 1; i <= kEvents; ++i) {
    events.push_back({.sequence = i, .envelope_id = std::to_string(i)});
  }
  std::promise<void> all_handled;
  std::shared_future<void> handled = all_handled.get_future().share();
  const ScriptedEventService service(
      OneStreamWith(Delivery("d1", events)),
      {[&](const v1::AcknowledgeRequest&, v1::AcknowledgeResponse&) {
        handled.wait();
        return grpc::Status::OK;
      }});
  Worker worker(OptionsFor(service));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent& event) {
    if (event.sequence() == 2) {
      EXPECT_TRUE(
          Eventually([&] { return !service.acknowledgements().empty(); }));
    }
    if (event.sequence() == kEvents) {
      all_handled.set_value();
      worker.Stop();
    }
    return Handled::Done();
  });

  EXPECT_TRUE(status.ok()) << status;
  // The first, what gathered behind it, and perhaps the last event alone.
  EXPECT_THAT(service.acknowledgements(), SizeIs(::testing::Le(3)));
  size_t told = 0;
  for (const v1::AcknowledgeRequest& call : service.acknowledgements()) {
    for (const v1::Settlement& settlement : call.settlements()) {
      told += static_cast<size_t>(settlement.sequences_size());
    }
  }
  EXPECT_EQ(told, kEvents);
}

TEST(WorkerTest, TriesToSettleUntilTheRelayAnswers) {
  const ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}})),
      {[](const v1::AcknowledgeRequest&, v1::AcknowledgeResponse&) {
         return Unavailable();
       },
       [](const v1::AcknowledgeRequest&, v1::AcknowledgeResponse&) {
         return Refusal(grpc::StatusCode::UNAVAILABLE, "SERVER_UNAVAILABLE");
       }});
  WorkerOptions options = OptionsFor(service);
  std::vector<absl::Status> reasons;
  options.on_retry = [&](const absl::Status& status, absl::Duration) {
    reasons.push_back(status);
  };
  Worker worker(std::move(options));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent&) {
    worker.Stop();
    return Handled::Done();
  });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Summaries(service.acknowledgements()),
              ElementsAre("d1 DONE", "d1 DONE", "d1 DONE"));
  EXPECT_THAT(reasons, SizeIs(2));
}

TEST(WorkerTest, ReportsResultsThatCameLate) {
  const ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}, {2, "b"}})),
      {[](const v1::AcknowledgeRequest& request,
          v1::AcknowledgeResponse& response) {
         for (int i = 0; i < request.settlements_size(); ++i) {
           response.add_statuses(v1::SETTLEMENT_STATUS_LATE);
         }
         return grpc::Status::OK;
       },
       [](const v1::AcknowledgeRequest& request,
          v1::AcknowledgeResponse& response) {
         for (int i = 0; i < request.settlements_size(); ++i) {
           response.add_statuses(v1::SETTLEMENT_STATUS_LEASE_LOST);
         }
         return grpc::Status::OK;
       }});
  WorkerOptions options = OptionsFor(service);
  std::vector<std::pair<std::string, v1::SettlementStatus>> late;
  options.on_late = [&](const v1::Settlement& settlement,
                        v1::SettlementStatus status) {
    late.emplace_back(Summary(settlement), status);
  };
  Worker worker(std::move(options));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  handler.Return(1);
  ASSERT_TRUE(Eventually([&] { return worker.counts().late == 1; }));
  handler.Return(2, Handled::Retry());
  ASSERT_TRUE(Eventually([&] { return worker.counts().lease_lost == 1; }));
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
  EXPECT_THAT(
      late,
      ElementsAre(std::pair("d1 DONE 1", v1::SETTLEMENT_STATUS_LATE),
                  std::pair("d1 RETRY 2", v1::SETTLEMENT_STATUS_LEASE_LOST)));
}

TEST(WorkerTest, ExtendsLeasesOfWhatRunsAndWhatWaits) {
  ScriptedEventService service(OneStreamWith(
      Delivery("d1", {{1, "a"}, {2, "a"}, {3, "a"}}, absl::Seconds(2))));
  Worker worker(OptionsFor(service));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  // Longer than the lease was.
  service.AwaitSettlements(3);
  EXPECT_THAT(Summaries(service.acknowledgements()), Each("d1 EXTEND"));
  handler.Return(1);
  handler.AwaitStarted(2);
  ASSERT_TRUE(Eventually([&] {
    return std::ranges::count(Summaries(service.acknowledgements()),
                              "d1 EXTEND 2 3") >= 1;
  }));
  handler.Return(2);
  handler.Return(3);
  handler.AwaitStarted(3);
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
  EXPECT_THAT(handler.started(), ElementsAre(1, 2, 3));
}

TEST(WorkerTest, DoesNotStartWhatItLostTheLeaseOf) {
  std::promise<void> lost;
  const ScriptedEventService service(
      {[&](Call& call) {
         call.Send(Confirmation(0));
         call.Send(
             Delivery("d1", {{1, "a"}, {2, "a"}, {3, "b"}}, absl::Seconds(2)));
         lost.get_future().wait();
         call.Send(Delivery("d2", {{4, "a"}}));
         return call.Silence();
       },
       NothingToSend},
      {[](const v1::AcknowledgeRequest&, v1::AcknowledgeResponse& response) {
        response.add_statuses(v1::SETTLEMENT_STATUS_LEASE_LOST);
        return grpc::Status::OK;
      }});
  WorkerOptions options = OptionsFor(service);
  options.concurrency = 2;
  Worker worker(std::move(options));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  handler.AwaitStarted(2);
  ASSERT_TRUE(Eventually([&] { return !service.acknowledgements().empty(); }));
  // The next call comes when the answer of the one before was heard.
  handler.Return(3);
  ASSERT_TRUE(
      Eventually([&] { return service.acknowledgements().size() == 2; }));
  lost.set_value();
  for (const uint64_t sequence : {1, 2, 4}) handler.Return(sequence);
  handler.AwaitStarted(3);
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
  EXPECT_THAT(handler.started(), UnorderedElementsAre(1, 3, 4));
  // A result is told all the same.
  EXPECT_THAT(Summaries(service.acknowledgements()),
              ElementsAre("d1 EXTEND", "d1 DONE 3", "d1 DONE 1", "d2 DONE"));
}

TEST(WorkerTest, StopReleasesWhatWasNotStartedAndWaitsForWhatRuns) {
  ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}, {2, "a"}, {3, "b"}})));
  Worker worker(OptionsFor(service));
  GatedHandler handler;
  RunningWorker run(worker, handler);
  handler.AwaitStarted(1);

  worker.Stop();
  service.AwaitSettlements(1);
  EXPECT_THAT(Summaries(service.acknowledgements()),
              ElementsAre("d1 RELEASE 2 3"));
  handler.Return(1);

  EXPECT_TRUE(run.Result().ok());
  EXPECT_THAT(Summaries(service.acknowledgements()),
              ElementsAre("d1 RELEASE 2 3", "d1 DONE 1"));
  EXPECT_THAT(handler.started(), ElementsAre(1));
  EXPECT_EQ(worker.counts().released, 2);
}

TEST(WorkerTest, GivesUpOnHandlersThatOutlastTheStopTimeout) {
  const ScriptedEventService service(OneStreamWith(Delivery("d1", {{1, "a"}})));
  WorkerOptions options = OptionsFor(service);
  options.stop_timeout = absl::Milliseconds(50);
  GatedHandler handler;
  {
    Worker worker(std::move(options));
    RunningWorker run(worker, handler);
    handler.AwaitStarted(1);

    worker.Stop();
    const absl::Status status = run.Result();

    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(std::string(status.message()), HasSubstr("1 handler"));
    handler.Return(1);
  }

  EXPECT_THAT(Summaries(service.acknowledgements()), IsEmpty());
  // Another stream would take from the handler what it still has.
  EXPECT_THAT(service.requests(), SizeIs(1));
}

TEST(WorkerTest, GivesUpOnSettlingWhenTheStopTimeoutIsOver) {
  ScriptedEventService* silent = nullptr;
  ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}})),
      {[&](const v1::AcknowledgeRequest&, v1::AcknowledgeResponse&) {
        silent->AwaitSettlements(1);  // for ever
        return Unavailable();
      }});
  silent = &service;
  WorkerOptions options = OptionsFor(service);
  options.stop_timeout = absl::Milliseconds(100);
  Worker worker(std::move(options));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent&) {
    worker.Stop();
    return Handled::Done();
  });

  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(WorkerTest, ConnectsAgainUnderTheSameName) {
  const ScriptedEventService service({[](Call& call) {
                                        call.Send(Confirmation(0));
                                        return Unavailable();
                                      },
                                      [](Call& call) {
                                        call.Send(Confirmation(0));
                                        call.Send(Delivery("d1", {{1, "a"}}));
                                        return call.Silence();
                                      },
                                      NothingToSend});
  Worker worker(OptionsFor(service));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent&) {
    worker.Stop();
    return Handled::Done();
  });

  EXPECT_TRUE(status.ok()) << status;
  const auto requests = service.requests();
  ASSERT_THAT(requests, SizeIs(3));  // the last to give back the rest
  EXPECT_THAT(requests[0].worker_id(), Not(IsEmpty()));
  EXPECT_EQ(requests[0].worker_id(), requests[1].worker_id());
}

TEST(WorkerTest, RandomNamesDiffer) {
  const ScriptedEventService service({});
  GatedHandler handler;
  for (int i = 0; i < 2; ++i) {
    Worker worker(OptionsFor(service));
    RunningWorker run(worker, handler);
    ASSERT_TRUE(Eventually([&] {
      return service.requests().size() == static_cast<size_t>(i) + 1;
    }));
  }

  EXPECT_NE(service.requests()[0].worker_id(),
            service.requests()[1].worker_id());
}

TEST(WorkerTest, DropsWhatWasNotStartedWhenTheStreamBreaks) {
  std::promise<void> started;
  ScriptedEventService service(
      {[&](Call& call) {
         call.Send(Confirmation(0));
         call.Send(Delivery("d1", {{1, "a"}, {2, "a"}, {3, "b"}}));
         started.get_future().wait();
         return Unavailable();
       },
       [](Call& call) {
         call.Send(Confirmation(0));
         call.Send(Delivery("d2", {{2, "a", 2}, {3, "b", 2}}));
         return call.Silence();
       },
       NothingToSend});
  Worker worker(OptionsFor(service));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  handler.AwaitStarted(1);
  started.set_value();
  ASSERT_TRUE(Eventually([&] { return service.requests().size() == 2; }));
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    handler.Return(sequence);
  }
  handler.AwaitStarted(3);
  ASSERT_TRUE(Eventually([&] { return worker.counts().done == 3; }));
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
  EXPECT_THAT(handler.started(), UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(Summaries(service.acknowledgements()), Contains("d1 DONE 1"));
  EXPECT_THAT(Summaries(service.acknowledgements()),
              Not(Contains(HasSubstr("RELEASE"))));
}

TEST(WorkerTest, DoesNotHandleTwiceWhatIsDeliveredAgainWhileItRuns) {
  std::promise<void> started;
  ScriptedEventService service({[&](Call& call) {
                                  call.Send(Confirmation(0));
                                  call.Send(Delivery("d1", {{1, "a"}}));
                                  started.get_future().wait();
                                  return Unavailable();
                                },
                                [](Call& call) {
                                  call.Send(Confirmation(0));
                                  call.Send(
                                      Delivery("d2", {{1, "a", 2}, {2, "b"}}));
                                  return call.Silence();
                                },
                                NothingToSend});
  WorkerOptions options = OptionsFor(service);
  options.concurrency = 2;
  Worker worker(std::move(options));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  handler.AwaitStarted(1);
  started.set_value();
  handler.AwaitStarted(2);  // the second delivery has come
  handler.Return(1);
  service.AwaitSettlements(2);
  handler.Return(2);
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
  EXPECT_THAT(handler.started(), ElementsAre(1, 2));
  EXPECT_THAT(Summaries(service.acknowledgements()),
              IsSupersetOf({"d1 DONE", "d2 DONE 1"}));
}

TEST(WorkerTest, GivesBackWhatWaitsWhenAStreamEndsAsPlanned) {
  std::promise<void> started;
  ScriptedEventService service(
      {[&](Call& call) {
         call.Send(Confirmation(0));
         call.Send(Delivery("d1", {{1, "a"}, {2, "a"}}));
         started.get_future().wait();
         call.Send(
             PlannedEnd(0, v1::END_REASON_MAX_AGE, absl::Milliseconds(20)));
         return grpc::Status::OK;
       },
       NothingToSend, NothingToSend});
  Worker worker(OptionsFor(service));
  GatedHandler handler;
  RunningWorker run(worker, handler);

  handler.AwaitStarted(1);
  started.set_value();
  service.AwaitSettlements(1);
  EXPECT_THAT(Summaries(service.acknowledgements()),
              ElementsAre("d1 RELEASE 2"));
  handler.Return(1);
  ASSERT_TRUE(Eventually([&] { return service.requests().size() == 2; }));
  worker.Stop();

  EXPECT_TRUE(run.Result().ok());
}

TEST(WorkerTest, ReportsEventsThatLeftRetention) {
  const ScriptedEventService service({[](Call& call) {
                                        v1::SubscribeResponse first =
                                            Confirmation(0);
                                        first.mutable_gap()->set_lost_events(7);
                                        call.Send(first);
                                        return call.Silence();
                                      },
                                      NothingToSend});
  WorkerOptions options = OptionsFor(service);
  Worker* stoppable = nullptr;
  uint64_t lost = 0;
  options.on_gap = [&](const v1::Gap& gap) {
    lost = gap.lost_events();
    stoppable->Stop();
  };
  Worker worker(std::move(options));
  stoppable = &worker;

  const absl::Status status =
      worker.Run([](const v1::EnvelopeEvent&) { return Handled::Done(); });

  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(lost, 7);
}

// What ends a worker for good.
struct FatalCase {
  grpc::StatusCode code;
  std::string reason;
};

class WorkerRefusalTest : public ::testing::TestWithParam<FatalCase> {};

TEST_P(WorkerRefusalTest, EndsTheWorkerWhenWhatRunsIsSettled) {
  std::promise<void> started;
  ScriptedEventService service({[&](Call& call) {
    call.Send(Confirmation(0));
    call.Send(Delivery("d1", {{1, "a"}}));
    started.get_future().wait();
    return Refusal(GetParam().code, GetParam().reason);
  }});
  Worker worker(OptionsFor(service));

  const absl::Status status = worker.Run([&](const v1::EnvelopeEvent&) {
    started.set_value();
    EXPECT_TRUE(Eventually([&] { return service.acts_over_count() == 1; }));
    return Handled::Done();
  });

  EXPECT_EQ(status.code(), static_cast<absl::StatusCode>(GetParam().code));
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  ASSERT_TRUE(info.has_value()) << status;
  EXPECT_EQ(info->reason, GetParam().reason);
  EXPECT_THAT(Summaries(service.acknowledgements()), ElementsAre("d1 DONE"));
  EXPECT_THAT(service.requests(), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(
    WorkerTest, WorkerRefusalTest,
    ::testing::Values(
        FatalCase{grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND"},
        FatalCase{grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED"},
        FatalCase{grpc::StatusCode::ABORTED, "WORKER_SUPERSEDED"}),
    [](const ::testing::TestParamInfo<FatalCase>& test) {
      std::string name = test.param.reason;
      std::erase(name, '_');
      return name;
    });

TEST(WorkerTest, EndsWhenItMayNotSettle) {
  const ScriptedEventService service(
      OneStreamWith(Delivery("d1", {{1, "a"}})),
      {[](const v1::AcknowledgeRequest&, v1::AcknowledgeResponse&) {
        return Refusal(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED");
      }});
  Worker worker(OptionsFor(service));

  const absl::Status status =
      worker.Run([](const v1::EnvelopeEvent&) { return Handled::Done(); });

  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
}

TEST(WorkerTest, StopsWhileItBacksOff) {
  const ClosedPort port;
  Worker* stoppable = nullptr;
  Worker worker({.target = port.address(),
                 .subscription = "billing",
                 .backoff_initial = absl::Hours(1),
                 .backoff_max = absl::Hours(1),
                 .on_retry = [&](const absl::Status&, absl::Duration) {
                   stoppable->Stop();
                 }});
  stoppable = &worker;

  const absl::Status status =
      worker.Run([](const v1::EnvelopeEvent&) { return Handled::Done(); });

  EXPECT_TRUE(status.ok()) << status;
}

TEST(WorkerTest, StopsBeforeItBegins) {
  const ScriptedEventService service({});
  Worker worker(OptionsFor(service));
  const auto handler = [](const v1::EnvelopeEvent&) { return Handled::Done(); };
  worker.Stop();

  EXPECT_TRUE(worker.Run(handler).ok());
  EXPECT_EQ(worker.Run(handler).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(service.requests(), IsEmpty());
}

TEST(WorkerTest, RefusesOptionsThatCannotWork) {
  const auto message = [](WorkerOptions options) {
    Worker worker(std::move(options));
    const absl::Status status =
        worker.Run([](const v1::EnvelopeEvent&) { return Handled::Done(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };

  EXPECT_THAT(message({.target = "", .subscription = "billing"}),
              HasSubstr("WorkerOptions: target"));
  EXPECT_THAT(message({.target = "t", .subscription = ""}),
              HasSubstr("subscription"));
  EXPECT_THAT(
      message({.target = "t", .subscription = "billing", .concurrency = 0}),
      HasSubstr("concurrency"));
  EXPECT_THAT(message({.target = "t",
                       .subscription = "billing",
                       .max_outstanding_events = 0}),
              HasSubstr("max_outstanding_events"));
  EXPECT_THAT(message({.target = "t",
                       .subscription = "billing",
                       .stop_timeout = absl::InfiniteDuration()}),
              HasSubstr("stop_timeout"));
}

}  // namespace
}  // namespace enveloperelay::client
