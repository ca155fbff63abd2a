// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Anchors of institutions' transparency logs, and their ethics officers' decisions on models
/// @notice One namespace (logId) an institution. Immutable: no proxy, no pause, no owner who could rewrite an anchor or
///         decide in an officer's place. The owner of a log appoints; it neither anchors nor decides.
/// @dev    What this contract proves: that a root was the head of a log at a block; that a registered proposer signed
///         each proposal; and that officers then in office, the proposer not among them, signed each decision on it.
///         What it does not prove: that a newer root is consistent with an older one (auditors check that off-chain),
///         that two addresses are two people, or that the owner appointed the right ones.
///         Only roots, random identifiers and salted commitments may be written here; never personal data.
contract AnchorRegistry {
    // ----- types

    struct Head {
        bytes32 root;
        uint64 treeSize;
        uint64 seq; // anchors so far
        uint64 time; // of the block, seconds
    }

    struct Log {
        address owner;
        uint16 quorum; // officers needed to approve, resume or revoke; 0 until set, which lets nothing through
        uint16 officers; // officers in office
        address pendingOwner;
        Head head;
    }

    enum State {
        None,
        Proposed,
        Approved,
        Halted,
        Revoked
    }

    enum Verdict {
        None,
        Propose,
        Approve,
        Halt,
        Resume,
        Revoke
    }

    /// One storage slot.
    struct Subject {
        State state;
        uint40 nonce; // decisions so far; the next decision must carry this number
        uint40 time; // of the block of the last decision, seconds
        address proposer; // who signed the proposal; never counts towards a quorum on this subject
    }

    struct Decision {
        bytes32 logId;
        bytes32 subject; // salted commitment to the model or deployment, never its name
        Verdict verdict;
        bytes32 commitment; // salted commitment to the signed rationale
        address proposer; // who signed the proposal: so that officers sign for this one and no other
        uint64 nonce; // must be the subject's nonce: one signature serves one decision
        uint64 expiresAt; // seconds; a signature that nobody used by then is void
    }

    // ----- state

    uint256 public constant MAX_SIGNATURES = 16;
    uint16 public constant MIN_QUORUM = 2;

    mapping(bytes32 => Log) private logs;
    mapping(bytes32 => mapping(address => bool)) public isAnchorer;
    mapping(bytes32 => mapping(address => bool)) public isOfficer;
    mapping(bytes32 => mapping(address => bool)) public isProposer;
    mapping(bytes32 => mapping(uint64 => bytes32)) public rootAtSize;
    mapping(bytes32 => mapping(bytes32 => Subject)) public subjects;

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant DECISION_TYPEHASH = keccak256(
        "Decision(bytes32 logId,bytes32 subject,uint8 verdict,bytes32 commitment,address proposer,uint64 nonce,uint64 expiresAt)"
    );
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    // ----- events

    event LogCreated(bytes32 indexed logId, address indexed owner, bytes32 salt);
    event OwnershipOffered(bytes32 indexed logId, address indexed to);
    event OwnershipTransferred(bytes32 indexed logId, address indexed from, address indexed to);
    event AnchorerSet(bytes32 indexed logId, address indexed who, bool on);
    event OfficerSet(bytes32 indexed logId, address indexed who, bool on);
    event ProposerSet(bytes32 indexed logId, address indexed who, bool on);
    event QuorumSet(bytes32 indexed logId, uint16 quorum);
    event Anchored(bytes32 indexed logId, uint64 indexed treeSize, uint64 seq, bytes32 root, bytes32 prevRoot);
    event Decided(
        bytes32 indexed logId,
        bytes32 indexed subject,
        Verdict indexed verdict,
        State state,
        bytes32 commitment,
        address proposer,
        uint64 nonce,
        address[] signers
    );

    // ----- errors

    error LogExists(bytes32 logId);
    error NotOwner(address owner);
    error NotAnchorer(address who);
    error NotOfficer(address who);
    error NotProposer(address who);
    error RoleConflict(address who);
    error Stale(uint64 treeSize, bytes32 root);
    error PrevMismatch(bytes32 expected);
    error RootUnchanged(bytes32 root);
    error ZeroRoot();
    error ZeroAddress();
    error QuorumOutOfRange(uint256 atLeast, uint256 atMost);
    error QuorumNotMet(uint256 needed, uint256 got);
    error TooManySignatures(uint256 atMost);
    error BadSignature(uint256 index);
    error SignersNotAscending(uint256 index);
    error SelfDecision(address proposer);
    error ProposerMismatch(address expected);
    error Expired(uint64 expiresAt);
    error WrongNonce(uint64 expected);
    error WrongState(State state, Verdict verdict);

    // ----- logs and roles

    modifier onlyOwner(bytes32 logId) {
        if (logs[logId].owner != msg.sender) revert NotOwner(logs[logId].owner);
        _;
    }

    /// @notice Identifier of the log that `owner` gets for `salt`, on this chain and in this contract only.
    function logIdOf(address owner, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), owner, salt));
    }

    function createLog(bytes32 salt) external returns (bytes32 logId) {
        logId = logIdOf(msg.sender, salt);
        if (logs[logId].owner != address(0)) revert LogExists(logId);
        logs[logId].owner = msg.sender;
        emit LogCreated(logId, msg.sender, salt);
    }

    /// @notice Offer a log to a new owner, who must accept. The zero address withdraws the offer.
    function offerOwnership(bytes32 logId, address to) external onlyOwner(logId) {
        logs[logId].pendingOwner = to;
        emit OwnershipOffered(logId, to);
    }

    function acceptOwnership(bytes32 logId) external {
        Log storage log = logs[logId];
        if (log.pendingOwner != msg.sender) revert NotOwner(log.pendingOwner);
        emit OwnershipTransferred(logId, log.owner, msg.sender);
        log.owner = msg.sender;
        log.pendingOwner = address(0);
    }

    /// @notice The key that anchors runs unattended, so it may never be an officer's or a proposer's.
    function setAnchorer(bytes32 logId, address who, bool on) external onlyOwner(logId) {
        if (on && (isOfficer[logId][who] || isProposer[logId][who])) revert RoleConflict(who);
        isAnchorer[logId][who] = on;
        emit AnchorerSet(logId, who, on);
    }

    function setOfficer(bytes32 logId, address who, bool on) external onlyOwner(logId) {
        if (who == address(0)) revert ZeroAddress();
        if (on && isAnchorer[logId][who]) revert RoleConflict(who);
        if (isOfficer[logId][who] != on) {
            isOfficer[logId][who] = on;
            if (on) logs[logId].officers++;
            else logs[logId].officers--;
        }
        emit OfficerSet(logId, who, on);
    }

    /// @notice An officer may be a proposer too: what is forbidden is to decide on one's own proposal.
    function setProposer(bytes32 logId, address who, bool on) external onlyOwner(logId) {
        if (who == address(0)) revert ZeroAddress();
        if (on && isAnchorer[logId][who]) revert RoleConflict(who);
        isProposer[logId][who] = on;
        emit ProposerSet(logId, who, on);
    }

    function setQuorum(bytes32 logId, uint16 quorum) external onlyOwner(logId) {
        if (quorum < MIN_QUORUM || quorum > MAX_SIGNATURES) revert QuorumOutOfRange(MIN_QUORUM, MAX_SIGNATURES);
        logs[logId].quorum = quorum;
        emit QuorumSet(logId, quorum);
    }

    function ownerOf(bytes32 logId) external view returns (address owner, address pendingOwner) {
        return (logs[logId].owner, logs[logId].pendingOwner);
    }

    function quorumOf(bytes32 logId) external view returns (uint16 quorum, uint16 officers) {
        return (logs[logId].quorum, logs[logId].officers);
    }

    // ----- anchors

    /// @notice Make `root` the head of a log. `prevRoot` names the head it follows, so a second transaction for the
    ///         same checkpoint reverts, whatever its nonce.
    function anchor(bytes32 logId, bytes32 root, uint64 treeSize, bytes32 prevRoot) external {
        if (!isAnchorer[logId][msg.sender]) revert NotAnchorer(msg.sender);
        Head storage h = logs[logId].head;
        if (root == bytes32(0)) revert ZeroRoot();
        if (treeSize <= h.treeSize) revert Stale(h.treeSize, h.root);
        if (root == h.root) revert RootUnchanged(root); // a larger tree has another root
        if (prevRoot != h.root) revert PrevMismatch(h.root);
        uint64 seq = h.seq + 1;
        logs[logId].head = Head(root, treeSize, seq, uint64(block.timestamp));
        rootAtSize[logId][treeSize] = root;
        emit Anchored(logId, treeSize, seq, root, prevRoot);
    }

    function head(bytes32 logId) external view returns (Head memory) {
        return logs[logId].head;
    }

    // ----- decisions

    /// @notice State of a subject. Serve a model only where this is `Approved`; anything else, an error too, means no.
    function stateOf(bytes32 logId, bytes32 subject) external view returns (State) {
        return subjects[logId][subject].state;
    }

    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("AnchorRegistry"), keccak256("1"), block.chainid, address(this))
        );
    }

    /// @notice EIP-712 digest that the proposer and the officers sign.
    function digestOf(Decision calldata d) public view returns (bytes32) {
        bytes32 hash = keccak256(
            abi.encode(
                DECISION_TYPEHASH, d.logId, d.subject, d.verdict, d.commitment, d.proposer, d.nonce, d.expiresAt
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domainSeparator(), hash));
    }

    /// @notice Record a decision. Anybody may carry it here; only the signatures count, so signers pay no gas.
    /// @param signatures 65 bytes each (r, s, v), ordered by signer address, no signer twice. A proposal takes its
    ///        proposer's alone, a halt one officer's, anything else a quorum's without the proposer.
    function decide(Decision calldata d, bytes[] calldata signatures) external {
        Subject storage s = subjects[d.logId][d.subject];
        if (block.timestamp > d.expiresAt) revert Expired(d.expiresAt);
        if (d.nonce != s.nonce) revert WrongNonce(s.nonce);
        State next = _next(s.state, d.verdict);
        address[] memory signers;
        if (d.verdict == Verdict.Propose) {
            signers = _proposer(d, signatures);
            s.proposer = d.proposer;
        } else {
            if (d.proposer != s.proposer) revert ProposerMismatch(s.proposer);
            signers = _officers(d, signatures);
        }
        s.state = next;
        s.nonce++;
        s.time = uint40(block.timestamp);
        emit Decided(d.logId, d.subject, d.verdict, next, d.commitment, d.proposer, d.nonce, signers);
    }

    /// @dev None to Proposed to Approved; Approved to Halted and back; from all but None to Revoked, where it ends.
    function _next(State state, Verdict verdict) private pure returns (State) {
        if (verdict == Verdict.Propose && state == State.None) return State.Proposed;
        if (verdict == Verdict.Approve && state == State.Proposed) return State.Approved;
        if (verdict == Verdict.Halt && state == State.Approved) return State.Halted;
        if (verdict == Verdict.Resume && state == State.Halted) return State.Approved;
        if (verdict == Verdict.Revoke && state != State.None && state != State.Revoked) return State.Revoked;
        revert WrongState(state, verdict);
    }

    /// @dev A proposal is signed by the proposer whom it names, who is registered as one, and by nobody else.
    function _proposer(Decision calldata d, bytes[] calldata signatures) private view returns (address[] memory found) {
        if (signatures.length > 1) revert TooManySignatures(1);
        if (signatures.length == 0) revert QuorumNotMet(1, 0);
        address who = _recover(digestOf(d), signatures[0], 0);
        if (who != d.proposer) revert ProposerMismatch(who);
        if (!isProposer[d.logId][who]) revert NotProposer(who);
        found = new address[](1);
        found[0] = who;
    }

    /// @dev The loop is bounded by MAX_SIGNATURES and runs over the caller's own input. Stopping is always safe, so
    ///      an officer may halt what they proposed.
    function _officers(Decision calldata d, bytes[] calldata signatures) private view returns (address[] memory found) {
        uint256 needed = d.verdict == Verdict.Halt ? 1 : logs[d.logId].quorum;
        if (signatures.length > MAX_SIGNATURES) revert TooManySignatures(MAX_SIGNATURES);
        if (needed == 0 || signatures.length < needed) revert QuorumNotMet(needed, signatures.length);
        bytes32 digest = digestOf(d);
        address last = address(0);
        found = new address[](signatures.length);
        for (uint256 i = 0; i < signatures.length; i++) {
            address who = _recover(digest, signatures[i], i);
            if (who <= last) revert SignersNotAscending(i);
            if (!isOfficer[d.logId][who]) revert NotOfficer(who);
            if (who == d.proposer && d.verdict != Verdict.Halt) revert SelfDecision(who);
            found[i] = last = who;
        }
    }

    function _recover(bytes32 digest, bytes calldata signature, uint256 index) private pure returns (address who) {
        if (signature.length != 65) revert BadSignature(index);
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) revert BadSignature(index); // the other s of the same signature
        who = ecrecover(digest, uint8(signature[64]), r, s);
        if (who == address(0)) revert BadSignature(index);
    }
}
