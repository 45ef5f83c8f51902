// Lists that hold their members by a hook inside them: no allocation, removal without a search.
//
// A member that is destroyed, or calls unlist(), leaves whatever list it stands in. Lists never
// own; whoever says that a list owns disposes of its members explicitly.
#pragma once

#include <boost/intrusive/list.hpp>

namespace weir {

struct ListedTag;

class Listed : public boost::intrusive::list_base_hook<
                   boost::intrusive::tag<ListedTag>,
                   boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  void unlist() { unlink(); }
};

template <class Member>
using List = boost::intrusive::list<Member, boost::intrusive::base_hook<Listed>,
                                    boost::intrusive::constant_time_size<false>>;

}  // namespace weir
