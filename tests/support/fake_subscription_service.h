#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_FAKE_SUBSCRIPTION_SERVICE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_FAKE_SUBSCRIPTION_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "server/base/mutex.h"

namespace enveloperelay::testing {

// What a fake service answers.
struct SubscriptionAnswers {
  // When it is not OK, to every call.
  grpc::Status status = grpc::Status::OK;
  // Of the calls that are answered with one.
  v1::Subscription subscription = {};
  // Pages of lists; at least one is given where one is asked for.
  std::vector<std::vector<v1::Subscription>> subscriptions = {};
  std::vector<std::vector<v1::DeadLetter>> dead_letters = {};
  // How many dead letters were replayed or deleted.
  uint32_t count = 0;
};

// A subscription service on a loopback port that gives the same answers
// whatever it is asked, and keeps what it was asked.
class FakeSubscriptionService final : v1::SubscriptionService::Service {
 public:
  explicit FakeSubscriptionService(SubscriptionAnswers answers)
      : answers_(std::move(answers)) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeSubscriptionService() override { server_->Shutdown(); }
  FakeSubscriptionService(const FakeSubscriptionService&) = delete;
  FakeSubscriptionService& operator=(const FakeSubscriptionService&) = delete;

  const std::string& address() const { return address_; }

  // The requests so far: R"(GetSubscriptionRequest{"name":"billing"})".
  std::vector<std::string> requests() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return requests_;
  }

 private:
  using Context = grpc::ServerContext;

  grpc::Status CreateSubscription(
      Context* /*context*/, const v1::CreateSubscriptionRequest* request,
      v1::CreateSubscriptionResponse* response) override {
    return Answer(*request, *response);
  }
  grpc::Status GetSubscription(Context* /*context*/,
                               const v1::GetSubscriptionRequest* request,
                               v1::GetSubscriptionResponse* response) override {
    return Answer(*request, *response);
  }
  grpc::Status UpdateSubscription(
      Context* /*context*/, const v1::UpdateSubscriptionRequest* request,
      v1::UpdateSubscriptionResponse* response) override {
    return Answer(*request, *response);
  }
  grpc::Status SeekSubscription(
      Context* /*context*/, const v1::SeekSubscriptionRequest* request,
      v1::SeekSubscriptionResponse* response) override {
    return Answer(*request, *response);
  }
  grpc::Status DeleteSubscription(
      Context* /*context*/, const v1::DeleteSubscriptionRequest* request,
      v1::DeleteSubscriptionResponse* /*response*/) override {
    Keep(*request);
    return answers_.status;
  }
  grpc::Status ListSubscriptions(
      Context* /*context*/, const v1::ListSubscriptionsRequest* request,
      v1::ListSubscriptionsResponse* response) override {
    Keep(*request);
    if (!answers_.status.ok()) return answers_.status;
    AddPage(answers_.subscriptions, request->page_token(),
            *response->mutable_subscriptions(),
            *response->mutable_next_page_token());
    return grpc::Status::OK;
  }
  grpc::Status ListDeadLetters(Context* /*context*/,
                               const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override {
    Keep(*request);
    if (!answers_.status.ok()) return answers_.status;
    AddPage(answers_.dead_letters, request->page_token(),
            *response->mutable_dead_letters(),
            *response->mutable_next_page_token());
    return grpc::Status::OK;
  }
  grpc::Status ReplayDeadLetters(
      Context* /*context*/, const v1::ReplayDeadLettersRequest* request,
      v1::ReplayDeadLettersResponse* response) override {
    Keep(*request);
    response->set_replayed(answers_.count);
    return answers_.status;
  }
  grpc::Status DeleteDeadLetters(
      Context* /*context*/, const v1::DeleteDeadLettersRequest* request,
      v1::DeleteDeadLettersResponse* response) override {
    Keep(*request);
    response->set_deleted(answers_.count);
    return answers_.status;
  }

  template <typename Response>
  grpc::Status Answer(const google::protobuf::Message& request,
                      Response& response) {
    Keep(request);
    *response.mutable_subscription() = answers_.subscription;
    return answers_.status;
  }

  // The token of a page is its number; that of the first is empty.
  template <typename Item, typename Items>
  static void AddPage(const std::vector<std::vector<Item>>& pages,
                      const std::string& token, Items& items,
                      std::string& next) {
    const size_t page = token.empty() ? 0 : std::stoul(token);
    items.Add(pages.at(page).begin(), pages.at(page).end());
    if (page + 1 < pages.size()) next = std::to_string(page + 1);
  }

  void Keep(const google::protobuf::Message& request)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    std::string json;
    (void)google::protobuf::util::MessageToJsonString(
        request, &json, google::protobuf::util::JsonPrintOptions());
    const MutexLock lock(mutex_);
    requests_.push_back(request.GetDescriptor()->name() + json);
  }

  const SubscriptionAnswers answers_;
  mutable Mutex mutex_;
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_FAKE_SUBSCRIPTION_SERVICE_H_
