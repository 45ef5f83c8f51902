#include "weir/net/channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "support/fake_transport.h"

namespace weir::net {
namespace {

// Events are counted; what arrives is consumed in them when the test says so.
struct End final : ChannelEvents {
  enum class Appetite : std::uint8_t { nothing, everything, everything_and_rest };

  void on_input() override {
    ++inputs;
    if (appetite == Appetite::nothing) return;
    channel->consume(channel->input().size());
    if (appetite == Appetite::everything_and_rest) channel->rest();
  }
  void on_drained() override { ++drained; }

  // One completed read, and the turn that it belongs to.
  void receive(std::string_view bytes) {
    peer.send(bytes);
    peer.deliver();
    ready.end_turn();
  }
  std::string input() const {
    const auto bytes = channel->input();
    return {bytes.begin(), bytes.end()};
  }

  ReadyQueue ready;
  FakePeer peer;
  Appetite appetite = Appetite::nothing;
  int inputs = 0;
  int drained = 0;
  std::unique_ptr<Channel> channel = std::make_unique<Channel>(peer.connect(), ready, *this);
};

using enum End::Appetite;

TEST(Channel, reads_from_the_start_into_its_smallest_buffer) {
  const End end;
  EXPECT_EQ(end.peer.reading(), Channel::smallest_buffer);
  EXPECT_EQ(end.channel->input_state(), Channel::Input::open);
}

TEST(Channel, keeps_what_was_not_consumed_and_reads_on_behind_it) {
  End end;
  end.receive("abc");
  end.channel->consume(1);
  end.receive("def");
  EXPECT_EQ(end.input(), "bcdef");
  EXPECT_EQ(end.inputs, 2);
  EXPECT_GT(end.peer.reading(), 0U);
}

TEST(Channel, consumed_input_makes_room_from_the_start_of_the_buffer) {
  End end;
  end.appetite = everything;
  for (int i = 0; i < 10; ++i) {
    end.receive("some bytes");
    EXPECT_EQ(end.peer.reading(), Channel::smallest_buffer);
  }
}

TEST(Channel, reads_at_most_one_buffer_ahead) {
  End end;
  end.receive(std::string(10'000, 'x'));
  EXPECT_EQ(end.channel->input().size(), Channel::smallest_buffer);
  EXPECT_EQ(end.peer.reading(), 0U);
  end.channel->consume(Channel::smallest_buffer);
  EXPECT_EQ(end.peer.reading(), 0U);  // not from within
  end.ready.end_turn();
  EXPECT_GT(end.peer.reading(), 0U);
}

TEST(Channel, the_buffer_grows_to_its_limit_while_the_peer_fills_it_and_shrinks_at_rest) {
  End end;
  end.appetite = everything;
  end.peer.send(std::string(1'000'000, 'x'));
  std::vector<std::size_t> sizes{end.peer.reading()};
  while (end.peer.unread() > 0) {
    end.peer.deliver();
    end.ready.end_turn();
    if (end.peer.reading() != sizes.back()) sizes.push_back(end.peer.reading());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{4096, 16384, 65536, Channel::largest_buffer}));
  end.appetite = everything_and_rest;
  end.receive("the last bytes");
  EXPECT_EQ(end.peer.reading(), Channel::smallest_buffer);
}

TEST(Channel, short_reads_do_not_make_it_grow) {
  End end;
  end.appetite = everything;
  for (int i = 0; i < 100; ++i) {
    end.receive(std::string(Channel::smallest_buffer - 1, 'x'));
    EXPECT_EQ(end.peer.reading(), Channel::smallest_buffer);
  }
}

TEST(Channel, does_not_shrink_under_a_read_or_what_is_unconsumed) {
  End end;
  end.channel->rest();  // a read is outstanding
  const std::string text(Channel::smallest_buffer, 'x');
  end.receive(text);
  ASSERT_TRUE(end.channel->read_more());
  end.receive("y");
  end.channel->rest();
  EXPECT_EQ(end.input(), text + "y");
}

TEST(Channel, read_more_goes_on_until_the_largest_buffer_is_full) {
  End end;
  const std::string text(Channel::largest_buffer * 2, 'x');
  end.peer.send(text);
  do {
    end.peer.deliver();
    end.ready.end_turn();
    ASSERT_LE(end.channel->input().size(), Channel::largest_buffer);
  } while (end.channel->read_more());
  EXPECT_EQ(end.channel->input().size(), Channel::largest_buffer);
  EXPECT_EQ(end.peer.reading(), 0U);
  // Room at the front is found again by moving what is left.
  end.channel->consume(Channel::largest_buffer - 3);
  EXPECT_TRUE(end.channel->read_more());
  EXPECT_EQ(end.input(), "xxx");
  EXPECT_EQ(end.peer.reading(), Channel::largest_buffer - 3);
}

TEST(Channel, the_end_of_the_input_leaves_what_came_before) {
  End end;
  end.receive("last");
  end.peer.end();
  end.receive("");
  EXPECT_EQ(end.channel->input_state(), Channel::Input::ended);
  EXPECT_EQ(end.input(), "last");
  EXPECT_EQ(end.inputs, 2);
  end.channel->consume(4);
  end.ready.end_turn();
  EXPECT_EQ(end.peer.reading(), 0U);
  EXPECT_TRUE(end.channel->read_more());  // there is nothing to wait for, and no limit was hit
}

TEST(Channel, a_reset_is_seen_as_such_behind_what_came_before) {
  End end;
  end.receive("last");
  end.peer.reset();
  end.receive("");
  EXPECT_EQ(end.channel->input_state(), Channel::Input::broken);
  EXPECT_EQ(end.input(), "last");
  EXPECT_EQ(end.inputs, 2);
}

TEST(Channel, gathers_and_sends_once_at_the_end_of_the_turn) {
  End end;
  end.channel->write(std::string_view{"head "});
  end.ready.end_turn();
  EXPECT_EQ(end.peer.writes(), 0);  // nobody has said flush()
  end.channel->output() += "body";
  end.channel->flush();
  end.channel->flush();
  end.ready.drain();
  EXPECT_EQ(end.peer.writes(), 0);
  end.ready.end_turn();
  EXPECT_EQ(end.peer.received(), "head body");
  EXPECT_EQ(end.peer.writes(), 1);
  EXPECT_EQ(end.channel->written(), 9U);
  end.channel->flush_at_once();
  EXPECT_EQ(end.peer.writes(), 1);
}

TEST(Channel, sends_many_bytes_at_once_behind_what_was_gathered) {
  End end;
  const std::string many(100'000, 'm');
  end.channel->write(std::string_view{"head"});
  end.channel->write(many);
  EXPECT_EQ(end.peer.received(), "head" + many);
  EXPECT_EQ(end.peer.writes(), 1);
  EXPECT_EQ(end.channel->unsent(), 0U);
}

// Whatever the peer takes at a time, it gets every byte once and in order.
TEST(Channel, what_the_peer_does_not_take_waits_in_order) {
  const std::string many(20'000, 'm');
  const std::string whole = "head" + many + "more" + many;
  for (const std::size_t step : {1UL, 3UL, 4UL, 5UL, 19'999UL, 20'004UL, 30'000UL}) {
    End end;
    end.peer.take(step);
    end.channel->write(std::string_view{"head"});
    end.channel->write(many);
    EXPECT_EQ(end.channel->blocked(), step < 20'004);
    EXPECT_EQ(end.channel->written(), std::min(step, std::size_t{20'004}));
    end.channel->write(std::string_view{"more"});
    end.channel->write(many);
    end.channel->flush();
    end.ready.end_turn();
    std::string got = end.peer.received();
    while (end.channel->blocked()) {
      EXPECT_EQ(end.drained, 0);
      end.peer.take(step);
      got += end.peer.received();
      if (got.size() > whole.size()) break;
    }
    EXPECT_TRUE(got == whole) << "step " << step;
    EXPECT_EQ(end.drained, 1) << "step " << step;
    EXPECT_EQ(end.channel->written(), whole.size());
    EXPECT_EQ(end.channel->unsent(), 0U);
  }
}

TEST(Channel, finishing_sends_everything_and_then_our_end) {
  End end;
  end.channel->write(std::string_view{"bye"});
  end.channel->finish_output();
  EXPECT_EQ(end.peer.received(), "bye");
  EXPECT_TRUE(end.peer.was_ended());

  End slow;
  slow.peer.take(1);
  slow.channel->write(std::string_view{"bye"});
  slow.channel->finish_output();
  slow.peer.take(1);
  EXPECT_FALSE(slow.peer.was_ended());
  slow.peer.take(1);
  EXPECT_EQ(slow.peer.received(), "bye");
  EXPECT_TRUE(slow.peer.was_ended());
  EXPECT_EQ(slow.drained, 1);
}

TEST(Channel, a_broken_output_is_told_and_takes_everything_in_vain) {
  End end;
  end.peer.reset();
  end.channel->write(std::string_view{"lost"});
  end.channel->flush();
  end.ready.end_turn();
  EXPECT_TRUE(end.channel->output_broken());
  EXPECT_FALSE(end.channel->blocked());
  EXPECT_EQ(end.drained, 1);
  end.channel->write(std::string(100'000, 'm'));
  end.channel->flush();
  end.channel->finish_output();
  end.ready.end_turn();
  EXPECT_EQ(end.peer.writes(), 1);
  EXPECT_EQ(end.channel->unsent(), 0U);
  EXPECT_FALSE(end.peer.was_ended());
}

TEST(Channel, a_connection_that_breaks_while_blocked_unblocks) {
  End end;
  end.peer.take(2);
  end.channel->write(std::string_view{"bytes"});
  end.channel->finish_output();
  EXPECT_TRUE(end.channel->blocked());
  end.peer.reset();
  end.peer.take_everything();
  EXPECT_FALSE(end.channel->blocked());
  EXPECT_TRUE(end.channel->output_broken());
  EXPECT_EQ(end.drained, 1);
  EXPECT_FALSE(end.peer.was_ended());
}

TEST(Channel, may_be_destroyed_with_a_flush_and_a_read_to_come) {
  End end;
  end.receive(std::string(Channel::smallest_buffer, 'x'));
  end.channel->consume(1);
  end.channel->write(std::string_view{"never sent"});
  end.channel->flush();
  end.channel->reset_on_close();
  end.channel.reset();
  end.ready.end_turn();
  EXPECT_TRUE(end.peer.was_reset());
  EXPECT_EQ(end.peer.writes(), 0);
}

}  // namespace
}  // namespace weir::net
