package truecut.peers.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What the hand-written serializers have in common: values are mutable and are filled in place, so that nothing is
 * allocated for a record where Flink lets objects be used again.
 *
 * @param <T> what is serialized
 */
abstract class PlainSerializer<T> extends TypeSerializerSingleton<T> {
    private static final long serialVersionUID = 1;

    @Override
    public final boolean isImmutableType() {
        return false;
    }

    @Override
    public final T copy(T from) {
        return copy(from, createInstance());
    }

    @Override
    public final T deserialize(DataInputView from) throws IOException {
        return deserialize(createInstance(), from);
    }

    @Override
    public final void copy(DataInputView from, DataOutputView to) throws IOException {
        serialize(deserialize(from), to);
    }
}
